import { describe, expect, test } from 'vitest';
import { alwaysOpen } from '../calendar/always-open.js';
import type { Candle } from '../candle/candle.js';
import type { CandlePage } from '../provider/candle-source.js';
import { checkPage } from './check-page.js';

const M = 60_000;
const START = Date.UTC(2024, 0, 1);
const at = (minute: number) => START + minute * M;
const range = (from: number, to: number) => ({ fromMs: at(from), toMs: at(to) });
const candle = (minute: number, more: Partial<Candle> = {}): Candle => ({
  openMs: at(minute),
  open: 10,
  high: 12,
  low: 9,
  close: 11,
  volume: 1,
  ...more,
});
const pageOf = (candles: Candle[], more: Partial<CandlePage> = {}): CandlePage => ({
  asked: range(0, 5),
  candles,
  proven: [range(0, 5)],
  unconfirmed: [],
  unavailable: [],
  requests: 1,
  confirmations: 0,
  ...more,
});
const check = (page: CandlePage, settledMs = at(100)) =>
  checkPage(page, { calendar: alwaysOpen, timeframe: '1m', settledMs });
const whole = [0, 1, 2, 3, 4].map((minute) => candle(minute));

describe('checkPage', () => {
  test('lets a sound page through as it is', () => {
    expect(check(pageOf(whole))).toEqual({
      good: whole,
      rejected: [],
      proven: [range(0, 5)],
      unconfirmed: [],
    });
  });

  test.each([
    ['a number that is none', { close: Number.NaN }, 'not_finite'],
    ['an infinite number', { volume: Number.POSITIVE_INFINITY }, 'not_finite'],
    ['a high below its body', { high: 10.5 }, 'high_below_body'],
    ['a low above its body', { low: 10.5 }, 'low_above_body'],
    ['a negative volume', { volume: -1 }, 'negative_volume'],
    ['a time off the grid', { openMs: at(2) + 1 }, 'misaligned'],
  ] as const)(
    '%s: the candle is refused, its minute is asked again, the rest is stored and proven',
    (_what, fault, reason) => {
      const bad = candle(2, fault);
      const { good, rejected, proven, unconfirmed } = check(pageOf(whole.with(2, bad)));
      expect(good.map((one) => one.openMs)).toEqual([at(0), at(1), at(3), at(4)]);
      expect(rejected).toEqual([{ candle: bad, reason }]);
      expect(proven).toEqual([range(0, 2), range(3, 5)]);
      expect(unconfirmed).toEqual([range(2, 3)]);
    },
  );

  test('a candle that has not closed by the given clock is refused, and nothing is proven there', () => {
    const { good, rejected, proven, unconfirmed } = check(pageOf(whole), at(5) - 1);
    expect(good).toHaveLength(4);
    expect(rejected).toEqual([{ candle: candle(4), reason: 'not_closed' }]);
    expect(proven).toEqual([range(0, 4)]);
    expect(unconfirmed).toEqual([range(4, 5)]);
  });

  test('two candles that contradict each other are both refused, two equal ones are one', () => {
    const { good, rejected, unconfirmed } = check(pageOf([...whole, candle(1), candle(3, { close: 9.5 })]));
    expect(good.map((one) => one.openMs)).toEqual([at(0), at(1), at(2), at(4)]);
    expect(rejected.map((one) => one.reason)).toEqual(['contradicted', 'contradicted']);
    expect(unconfirmed).toEqual([range(3, 4)]);
  });

  test('a bad candle beside the good one of the same minute spoils nothing', () => {
    const { good, rejected, proven, unconfirmed } = check(
      pageOf([...whole, candle(2, { openMs: at(2) + 1 })]),
    );
    expect(good).toEqual(whole);
    expect(rejected).toHaveLength(1);
    expect(proven).toEqual([range(0, 5)]);
    expect(unconfirmed).toEqual([]);
  });

  test('what was not asked for is neither stored, nor refused, nor proven', () => {
    const checked = check(pageOf([candle(-1), ...whole, candle(5, { high: 0 })]));
    expect(checked).toEqual({ good: whole, rejected: [], proven: [range(0, 5)], unconfirmed: [] });
  });

  test('a bad candle in what the answer left unconfirmed stays unconfirmed, once', () => {
    const page = pageOf([candle(0), candle(3, { low: 11.5 })], {
      proven: [range(0, 1)],
      unconfirmed: [range(1, 5)],
    });
    const { proven, unconfirmed } = check(page);
    expect(proven).toEqual([range(0, 1)]);
    expect(unconfirmed).toEqual([range(1, 5)]);
  });
});
