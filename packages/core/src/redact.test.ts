import { expect, test } from 'vitest';
import { asFleetError, FleetError } from './errors.js';
import { redact, storable } from './redact.js';

test.each([
  ['https://api.example.test/v3?symbol=BTCUSDT&signature=abcdef123456&apiKey=K1', 'abcdef123456', 'K1'],
  ['postgres://user:hunter2@db/candles', 'hunter2'],
  ['Authorization: Bearer eyJhbGciOi.J9.abc', 'eyJhbGciOi.J9.abc'],
  ['{"secret":"s3cr3t-value","symbol":"BTC/USDT"}', 's3cr3t-value'],
  ['redis://:p4ssw0rd@cache:6379', 'p4ssw0rd'],
])('no credential survives in %s', (text, ...secrets) => {
  for (const secret of secrets) expect(redact(text)).not.toContain(secret);
});

test('what is no credential stays', () => {
  expect(redact('symbol=BTC/USDT limit=1000')).toBe('symbol=BTC/USDT limit=1000');
});

test('characters that a store refuses are replaced, pairs stay', () => {
  expect(storable('a\u0000b\uD800c')).toBe('a\uFFFDb\uFFFDc');
  expect(storable('\u{1F56F}')).toBe('\u{1F56F}');
});

test('an error is redacted when it is made', () => {
  const error = new FleetError({
    code: 'x',
    message: 'GET /v3?signature=deadbeef00 failed',
    retryable: true,
  });
  expect(error.message).not.toContain('deadbeef00');
  expect(asFleetError(new Error('token=abc123')).message).not.toContain('abc123');
});
