import { alwaysOpen, timeframeMs, type Timeframe } from '@candlefleet/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createFirstCandleSearch } from './find-first-candle.js';
import { providerTraits } from './traits.js';

const NOW = Date.UTC(2026, 5, 15, 9, 30);
const flat = { open: 1, high: 1, low: 1, close: 1, volume: 1 };

/** A venue that lists a symbol at an instant, and answers a window with what lies in it. */
function searchAt(listedMs: number, provider = 'coinbase') {
  const asked: string[] = [];
  const traits = providerTraits(provider);
  const find = createFirstCandleSearch({
    traits,
    clock: { nowMs: () => NOW },
    async ask({ timeframe, fromMs, limit }) {
      asked.push(timeframe);
      const first = alwaysOpen.openAtOrBefore(timeframe, listedMs);
      const opens = Array.from({ length: limit }, (_, n) => fromMs + n * timeframeMs(timeframe));
      return opens
        .filter((openMs) => openMs >= first && openMs <= NOW)
        .toReversed()
        .map((openMs) => ({ openMs, ...flat }));
    },
  });
  const { signal } = new AbortController();
  return { search: (timeframe: Timeframe) => find('BTC/USD', timeframe, signal), asked };
}

test.each(['1m', '5m', '1h', '4h', '1d', '1w'] as const)(
  'finds the first %s candle wherever it is, with few requests',
  async (timeframe) => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: Date.UTC(2011, 0, 3), max: NOW }), async (listedMs) => {
        const { search, asked } = searchAt(listedMs);
        expect(await search(timeframe)).toBe(alwaysOpen.openAtOrBefore(timeframe, listedMs));
        expect(asked.filter((one) => one === '1d').length).toBeLessThanOrEqual(6);
        expect(asked.filter((one) => one !== '1d').length).toBeLessThanOrEqual(4);
      }),
      { numRuns: 50 },
    );
  },
);

test('the first day is looked for once, whatever timeframes are asked', async () => {
  const { search, asked } = searchAt(Date.UTC(2021, 3, 5, 17, 20));
  const days = async (timeframe: Timeframe) => {
    await search(timeframe);
    return asked.filter((one) => one === '1d').length;
  };
  expect(await days('1m')).toBe(await days('1h'));
});

test('where a provider reaches back only so far, its reach is the start, for one request', async () => {
  const { search, asked } = searchAt(Date.UTC(2013, 0, 1), 'kraken');
  expect(await search('1d')).toBe(alwaysOpen.openAtOrBefore('1d', NOW) - 718 * 86_400_000);
  expect(asked).toEqual(['1d']);
});

test('a symbol without any candle has no first one', async () => {
  const { search, asked } = searchAt(Number.POSITIVE_INFINITY);
  expect(await search('1m')).toBeUndefined();
  expect(asked.length).toBeLessThanOrEqual(6);
});
