import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BACKFILL_RETRY, backoffMs } from './backoff.js';
import { newExecutionId, tailExecutionId } from './execution.js';

test('a slot has one execution, whoever delivers it, and no other slot or series has the same', () => {
  expect(tailExecutionId(1, 60_000)).toBe(tailExecutionId(1, 60_000));
  expect(
    new Set([tailExecutionId(1, 60_000), tailExecutionId(1, 120_000), tailExecutionId(2, 60_000)]).size,
  ).toBe(3);
  expect(tailExecutionId(1, 60_000)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5/);
});

test('later executions sort later', () => {
  const ids = Array.from({ length: 100 }, newExecutionId);
  expect([...ids].sort()).toEqual(ids);
});

test('backoff doubles up to its cap, with jitter over its upper half', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (tries, random) => {
        const full = Math.min(BACKFILL_RETRY.maxDelayMs, BACKFILL_RETRY.firstDelayMs * 2 ** (tries - 1));
        const delay = backoffMs(tries, BACKFILL_RETRY, () => random);
        expect(delay).toBeGreaterThanOrEqual(Math.floor(full / 2));
        expect(delay).toBeLessThanOrEqual(full);
      },
    ),
  );
});
