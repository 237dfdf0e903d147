import {
  alwaysOpen,
  normalizeRanges,
  rangesContain,
  subtractRanges,
  type Candle,
  type CandlePage,
} from '@candlefleet/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RequestCandles } from './ask-page.js';
import { fetchPages } from './fetch-pages.js';
import { providerTraits } from './traits.js';

const M = 60_000;
const MINUTES = 60;
const NOW = 10 * MINUTES * M;

const candleAt = (minute: number): Candle => ({
  openMs: minute * M,
  open: 1,
  high: 1,
  low: 1,
  close: 1,
  volume: 1,
});

/** An exchange that has these minutes, and answers honestly in one of the two ways that exchanges do. */
function honest(minutes: readonly number[], isFromFirstCandle: boolean): RequestCandles {
  return async ({ fromMs, limit }) => {
    const toMs = isFromFirstCandle ? Number.POSITIVE_INFINITY : fromMs + limit * M;
    return minutes
      .filter((minute) => minute * M >= fromMs && minute * M < toMs)
      .slice(0, limit)
      .map(candleAt);
  };
}

async function fetchAll(
  ask: RequestCandles,
  options: {
    isFromFirstCandle: boolean;
    pageLimit: number;
    omits?: boolean;
    reach?: number;
    range?: { fromMs: number; toMs: number };
  },
) {
  const pages: CandlePage[] = [];
  const request = {
    symbol: 'A/B',
    timeframe: '1m' as const,
    calendar: alwaysOpen,
    fromMs: 0,
    toMs: MINUTES * M,
    ...options.range,
    urgent: false,
    signal: new AbortController().signal,
  };
  const traits = {
    ...providerTraits('test'),
    pageLimit: options.pageLimit,
    omitsEmptyCandles: options.omits ?? false,
    reachCandles: options.reach,
  };
  for await (const page of fetchPages(ask, request, {
    traits,
    isFromFirstCandle: options.isFromFirstCandle,
    clock: { nowMs: () => NOW },
  })) {
    pages.push(page);
  }
  return pages;
}

const anyMinutes = fc
  .uniqueArray(fc.nat(MINUTES + 20), { maxLength: MINUTES + 20 })
  .map((list) => list.sort((a, b) => a - b));
const whole = [{ fromMs: 0, toMs: MINUTES * M }];

describe('fetchPages, from any honest exchange', () => {
  test('brings every candle once, proves nothing that is not so, and leaves no minute unanswered', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyMinutes,
        fc.boolean(),
        fc.integer({ min: 1, max: 25 }),
        async (minutes, isFromFirstCandle, pageLimit) => {
          const pages = await fetchAll(honest(minutes, isFromFirstCandle), { isFromFirstCandle, pageLimit });
          const got = pages.flatMap((page) => page.candles).map((candle) => candle.openMs / M);
          expect([...got].sort((a, b) => a - b)).toEqual(minutes.filter((minute) => minute < MINUTES));
          const proven = normalizeRanges(pages.flatMap((page) => page.proven));
          const unconfirmed = normalizeRanges(pages.flatMap((page) => page.unconfirmed));
          expect(subtractRanges(whole, normalizeRanges([...proven, ...unconfirmed]))).toEqual([]);
          for (const minute of got) expect(rangesContain(proven, minute * M)).toBe(true);
          expect(pages.every((page) => page.requests === 1 && page.confirmations <= 1)).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('a hole that two answers span is proven; the rest behind the last candle is not', async () => {
    for (const isFromFirstCandle of [true, false]) {
      const minutes = Array.from({ length: MINUTES - 10 }, (_, n) => n).filter((n) => n < 20 || n >= 25);
      const pages = await fetchAll(honest(minutes, isFromFirstCandle), { isFromFirstCandle, pageLimit: 100 });
      const unconfirmed = normalizeRanges(pages.flatMap((page) => page.unconfirmed));
      expect(unconfirmed).toEqual([{ fromMs: (MINUTES - 10) * M, toMs: MINUTES * M }]);
    }
  });

  test('a series without holes takes the fewest requests possible', async () => {
    const minutes = Array.from({ length: MINUTES }, (_, n) => n);
    for (const pageLimit of [7, 10, 60, 1_000]) {
      const pages = await fetchAll(honest(minutes, true), { isFromFirstCandle: true, pageLimit });
      expect(pages.reduce((sum, page) => sum + page.requests + page.confirmations, 0)).toBe(
        Math.ceil(MINUTES / pageLimit),
      );
    }
  });

  test('what lies beyond the reach is unavailable, and is not asked for', async () => {
    const asked: number[] = [];
    const minutes = Array.from({ length: 600 }, (_, n) => n);
    const ask = honest(minutes, true);
    const reach = 10 * MINUTES - 20;
    const pages = await fetchAll((one) => (asked.push(one.fromMs), ask(one)), {
      isFromFirstCandle: true,
      pageLimit: 100,
      reach,
    });
    expect(pages[0]).toMatchObject({ candles: [], requests: 0 });
    const unavailable = pages.flatMap((page) => page.unavailable);
    expect(unavailable[0]?.fromMs).toBe(0);
    expect(Math.min(...asked)).toBe(unavailable[0]?.toMs);
  });

  test('what is not there before the last candle is settled in one pass, however sparse the series', async () => {
    const withLast = anyMinutes.map((minutes) => [
      ...minutes.filter((minute) => minute < MINUTES - 1),
      MINUTES - 1,
    ]);
    await fc.assert(
      fc.asyncProperty(withLast, fc.integer({ min: 8, max: 25 }), async (minutes, pageLimit) => {
        const pages = await fetchAll(honest(minutes, true), { isFromFirstCandle: true, pageLimit });
        expect(pages.flatMap((page) => page.unconfirmed)).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test('a range that starts or ends off the grid is answered whole, and one without a candle needs no asking', async () => {
    const minutes = Array.from({ length: MINUTES }, (_, n) => n);
    const range = { fromMs: 2.5 * M, toMs: 7.25 * M };
    const pages = await fetchAll(honest(minutes, true), { isFromFirstCandle: true, pageLimit: 3, range });
    expect(normalizeRanges(pages.flatMap((page) => page.proven))).toEqual([range]);
    expect(pages.flatMap((page) => page.candles).map((candle) => candle.openMs / M)).toEqual([3, 4, 5, 6, 7]);

    const between = { fromMs: 2.5 * M, toMs: 2.75 * M };
    const none = await fetchAll(honest(minutes, true), {
      isFromFirstCandle: true,
      pageLimit: 3,
      range: between,
    });
    expect(none).toMatchObject([{ asked: between, proven: [between], requests: 0 }]);
  });
});

describe('a candle that is not sound', () => {
  const minutes = Array.from({ length: MINUTES }, (_, n) => n);
  /** An exchange whose minutes 5 and 20 are spoiled in so many of its first answers. */
  function spoiling(answers: number): RequestCandles {
    let asked = 0;
    return async (ask) => {
      const isSpoiled = (asked += 1) <= answers;
      return (await honest(minutes, true)(ask)).map((candle) =>
        isSpoiled && [5, 20].includes(candle.openMs / M) ? { ...candle, high: Number.NaN } : candle,
      );
    };
  }

  test('is asked for again at once', async () => {
    const [page] = await fetchAll(spoiling(1), { isFromFirstCandle: true, pageLimit: 100 });
    expect(page).toMatchObject({ proven: whole, unconfirmed: [], requests: 1, confirmations: 1 });
  });

  test('and shown twice is in doubt: it is never taken for one that is not there', async () => {
    const [page] = await fetchAll(spoiling(2), { isFromFirstCandle: true, pageLimit: 100 });
    expect(page?.unconfirmed).toEqual([5, 20].map((at) => ({ fromMs: at * M, toMs: (at + 1) * M })));
    expect(page?.candles).toHaveLength(MINUTES);
  });
});

test('an exchange that answers with its newest candles, whatever it is asked, proves nothing about the asked window', async () => {
  const newest = Array.from({ length: 10 }, (_, n) => candleAt(500 + n));
  const pages = await fetchAll(async () => newest, { isFromFirstCandle: false, pageLimit: 10 });
  expect(pages.flatMap((page) => [...page.candles, ...page.proven])).toEqual([]);
  expect(normalizeRanges(pages.flatMap((page) => page.unconfirmed))).toEqual(whole);
});
