import { describe, expect, test } from 'vitest';
import { alwaysOpen } from '../calendar/always-open.js';
import type { Candle } from './candle.js';
import { checkCandles, sameCandle } from './check-candles.js';

const MINUTE = 60_000;
const asked = { fromMs: 0, toMs: 10 * MINUTE };
const context = { calendar: alwaysOpen, timeframe: '1m' as const, asked, settledMs: 10 * MINUTE };
const good: Candle = { openMs: MINUTE, open: 10, high: 12, low: 9, close: 11, volume: 5 };

describe('checkCandles', () => {
  test.each<[string, Partial<Candle>, string]>([
    ['an open price that is no number', { open: Number.NaN }, 'not_finite'],
    ['an infinite volume', { volume: Number.POSITIVE_INFINITY }, 'not_finite'],
    ['a high below its close', { high: 10.5 }, 'high_below_body'],
    ['a low above its open', { low: 10.5 }, 'low_above_body'],
    ['a volume below zero', { volume: -1 }, 'negative_volume'],
    ['an open time off the grid', { openMs: MINUTE + 1 }, 'misaligned'],
  ])('refuses %s', (_what, change, reason) => {
    const { good: kept, rejected } = checkCandles([{ ...good, ...change }], context);
    expect(kept).toEqual([]);
    expect(rejected.map((one) => one.reason)).toEqual([reason]);
  });

  test('refuses a candle that is still forming, and keeps it once it has closed', () => {
    const forming = { ...good, openMs: 9 * MINUTE };
    expect(checkCandles([forming], { ...context, settledMs: 10 * MINUTE - 1 }).rejected[0]?.reason).toBe(
      'not_closed',
    );
    expect(checkCandles([forming], context).good).toEqual([forming]);
  });

  test('drops what was not asked for without a word: it proves nothing', () => {
    const outside = { ...good, openMs: 10 * MINUTE };
    expect(checkCandles([outside], context)).toEqual({ good: [], rejected: [] });
  });

  test('keeps one of two equal candles, and neither of two that contradict each other', () => {
    expect(checkCandles([good, { ...good }], context).good).toEqual([good]);
    const { good: kept, rejected } = checkCandles([good, { ...good, close: 10.5 }], context);
    expect(kept).toEqual([]);
    expect(rejected.map((one) => one.reason)).toEqual(['contradicted', 'contradicted']);
  });

  test('answers in order of time, whatever the order was', () => {
    const later = { ...good, openMs: 3 * MINUTE };
    expect(checkCandles([later, good], context).good).toEqual([good, later]);
  });

  test('keeps good candles beside bad ones', () => {
    const bad = { ...good, openMs: 2 * MINUTE, volume: -1 };
    const { good: kept, rejected } = checkCandles([bad, good], context);
    expect(kept).toEqual([good]);
    expect(rejected).toHaveLength(1);
  });
});

test('sameCandle is bitwise: zero and minus zero differ, equal decimals do not', () => {
  expect(sameCandle(good, { ...good })).toBe(true);
  expect(sameCandle({ ...good, volume: 0 }, { ...good, volume: -0 })).toBe(false);
  expect(sameCandle(good, { ...good, close: 11.000000000000002 })).toBe(false);
});
