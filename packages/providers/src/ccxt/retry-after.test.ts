import { expect, test } from 'vitest';
import { parseRetryAfter } from './retry-after.js';

const NOW = Date.UTC(2024, 4, 6, 12);
const HOUR = 3_600_000;

test.each([
  ['seconds', { 'retry-after': '7' }, 7_000],
  ['a fraction of them', { 'retry-after': '1.5' }, 1_500],
  ['a date', { 'retry-after': 'Mon, 06 May 2024 12:00:30 GMT' }, 30_000],
  [
    "a date, from the server's own clock",
    { 'retry-after': 'Mon, 06 May 2024 10:00:30 GMT', date: 'Mon, 06 May 2024 10:00:00 GMT' },
    30_000,
  ],
  ['now', { 'retry-after': '0' }, 1_000],
  ['a date that is over', { 'retry-after': 'Mon, 06 May 2024 11:00:00 GMT' }, 1_000],
  ['years', { 'retry-after': 'Mon, 06 May 2099 11:00:00 GMT' }, 72 * HOUR],
  ['nothing', {}, undefined],
  ['nonsense', { 'retry-after': 'soon' }, undefined],
])('%s', (_what, headers, expected) => {
  expect(parseRetryAfter(new Headers(Object.entries(headers)), NOW)).toBe(expected);
});
