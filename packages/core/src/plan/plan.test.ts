import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { alwaysOpen } from '../calendar/always-open.js';
import { normalizeRanges } from '../range.js';
import { TIMEFRAMES, timeframeMs } from '../timeframe.js';
import { cutSlices } from './cut-slices.js';
import { tailDemand } from './demand.js';
import { tailSchedule } from './tail-schedule.js';

const M = 60_000;

describe('cutSlices', () => {
  const options = { calendar: alwaysOpen, timeframe: '1m' as const };

  test('cuts the newest first, each of bounded size, and no more than may be outstanding', () => {
    const slices = cutSlices([{ fromMs: 0, toMs: 250 * M }], { ...options, maxSlices: 2, maxCandles: 100 });
    expect(slices).toEqual([
      { fromMs: 150 * M, toMs: 250 * M },
      { fromMs: 50 * M, toMs: 150 * M },
    ]);
  });

  test('takes the whole of what is missing when enough may be outstanding, and nothing twice', () => {
    const anyMissing = fc
      .array(fc.tuple(fc.nat(500), fc.integer({ min: 1, max: 90 })), { maxLength: 6 })
      .map((pairs) =>
        normalizeRanges(pairs.map(([from, length]) => ({ fromMs: from * M, toMs: (from + length) * M }))),
      );
    fc.assert(
      fc.property(anyMissing, fc.integer({ min: 1, max: 40 }), (missing, maxCandles) => {
        const slices = cutSlices(missing, { ...options, maxSlices: 1_000, maxCandles });
        const total = slices.reduce((sum, slice) => sum + slice.toMs - slice.fromMs, 0);
        expect(normalizeRanges(slices)).toEqual(missing);
        expect(total).toBe(missing.reduce((sum, range) => sum + range.toMs - range.fromMs, 0));
        expect(slices.every((slice) => alwaysOpen.countExpected('1m', slice) <= maxCandles)).toBe(true);
      }),
    );
  });

  test('a stretch in which no candle opens is no slice', () => {
    expect(cutSlices([{ fromMs: 1, toMs: M }], { ...options, maxSlices: 9 })).toEqual([]);
  });
});

describe('tailSchedule', () => {
  const series = { seriesId: 7, calendar: alwaysOpen, settleDelayMs: 2_000, stretch: 1 };

  test('every series of every timeframe has slots after the close, the settle delay and a spread that is never 0', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...TIMEFRAMES),
        fc.integer({ min: 1, max: 2 ** 31 - 1 }),
        (timeframe, seriesId) => {
          const { everyMs, offsetMs } = tailSchedule({ ...series, seriesId, timeframe });
          expect(everyMs).toBe(timeframeMs(timeframe));
          const sinceClose = (offsetMs - alwaysOpen.openAtOrBefore(timeframe, 0) + 2 * everyMs) % everyMs;
          expect(sinceClose).toBeGreaterThan(2_000);
          expect(sinceClose).toBeLessThanOrEqual(2_000 + Math.min(60_000, everyMs / 3));
        },
      ),
    );
  });

  test('never more often than every minute, and stretched when the budget is short', () => {
    expect(tailSchedule({ ...series, timeframe: '1m', everyMs: 5_000 }).everyMs).toBe(M);
    expect(tailSchedule({ ...series, timeframe: '1m', stretch: 3 }).everyMs).toBe(3 * M);
  });

  test('100,000 one-minute series do not start in one second', () => {
    const starts = new Map<number, number>();
    for (let seriesId = 1; seriesId <= 100_000; seriesId += 1) {
      const second = Math.floor(tailSchedule({ ...series, seriesId, timeframe: '1m' }).offsetMs / 1_000);
      starts.set(second, (starts.get(second) ?? 0) + 1);
    }
    expect(Math.max(...starts.values())).toBeLessThan(1.1 * (100_000 / 20));
  });
});

describe('tailDemand', () => {
  const policy = { limit: 6_000, windowMs: M };

  test('fits while four fifths of the budget suffice', () => {
    expect(
      tailDemand(
        Array.from({ length: 2_400 }, () => M),
        2,
        policy,
      ),
    ).toEqual({ weight: 4_800, allowed: 4_800, stretch: 1 });
  });

  test('stretches by whole cadences when it does not', () => {
    expect(
      tailDemand(
        Array.from({ length: 2_401 }, () => M),
        2,
        policy,
      ).stretch,
    ).toBe(2);
  });
});
