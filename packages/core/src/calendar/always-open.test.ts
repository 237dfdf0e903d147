import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TIMEFRAMES } from '../timeframe.js';
import { alwaysOpen } from './always-open.js';
import { isAligned, lastClosedOpen, openAtOrAfter, opensIn } from './calendar.js';

const anyTimeframe = fc.constantFrom(...TIMEFRAMES);
const anyMs = fc.integer({ min: Date.UTC(2000, 0, 1), max: Date.UTC(2040, 0, 1) });

describe('the 24x7 calendar', () => {
  test('weeks open on Monday 00:00 UTC', () => {
    const open = alwaysOpen.openAtOrBefore('1w', Date.UTC(2024, 1, 29, 12));
    expect(new Date(open).toISOString()).toBe('2024-02-26T00:00:00.000Z');
  });

  test('every instant lies in exactly one candle', () => {
    fc.assert(
      fc.property(anyTimeframe, anyMs, (timeframe, atMs) => {
        const open = alwaysOpen.openAtOrBefore(timeframe, atMs);
        expect(isAligned(alwaysOpen, timeframe, open)).toBe(true);
        expect(open).toBeLessThanOrEqual(atMs);
        expect(alwaysOpen.closeOf(timeframe, open)).toBeGreaterThan(atMs);
        expect(alwaysOpen.stepOpen(timeframe, open, 1)).toBe(alwaysOpen.closeOf(timeframe, open));
      }),
    );
  });

  test('countExpected counts the opens that opensIn lists', () => {
    fc.assert(
      fc.property(anyTimeframe, anyMs, fc.nat(50), fc.nat(), (timeframe, fromMs, candles, more) => {
        const length = alwaysOpen.closeOf(timeframe, 0) - alwaysOpen.openAtOrBefore(timeframe, 0);
        const range = { fromMs, toMs: fromMs + candles * length + (more % length) };
        const opens = [...opensIn(alwaysOpen, timeframe, range)];
        expect(opens).toHaveLength(alwaysOpen.countExpected(timeframe, range));
        expect(opens.every((open) => open >= range.fromMs && open < range.toMs)).toBe(true);
      }),
    );
  });

  test('the last closed candle has closed before the settle delay, and its successor has not', () => {
    fc.assert(
      fc.property(anyTimeframe, anyMs, fc.nat(600_000), (timeframe, nowMs, settleDelayMs) => {
        const open = lastClosedOpen(alwaysOpen, timeframe, settleDelayMs, nowMs);
        expect(alwaysOpen.closeOf(timeframe, open)).toBeLessThanOrEqual(nowMs - settleDelayMs);
        expect(alwaysOpen.closeOf(timeframe, alwaysOpen.stepOpen(timeframe, open, 1))).toBeGreaterThan(
          nowMs - settleDelayMs,
        );
      }),
    );
  });

  test('openAtOrAfter keeps an aligned instant and moves any other forward', () => {
    expect(openAtOrAfter(alwaysOpen, '1h', 3_600_000)).toBe(3_600_000);
    expect(openAtOrAfter(alwaysOpen, '1h', 3_600_001)).toBe(7_200_000);
  });
});
