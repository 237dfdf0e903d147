import type { Candle } from '@candlefleet/core';
import { SIMULATED_LISTING_MS, type ReplayMarket } from '@candlefleet/providers';

const MINUTE_MS = 60_000;

/** One-minute candles up to now for any number of symbols, at next to no cost: simulating ten thousand would be the limit. */
export function liveMarket(symbols: readonly string[]): ReplayMarket {
  return {
    identity: 'live-market',
    series: symbols.map((symbol) => ({ symbol, timeframe: '1m', fromMs: SIMULATED_LISTING_MS })),
    candles({ fromMs, toMs, limit, nowMs }) {
      const candles: Candle[] = [];
      const end = Math.min(toMs, nowMs - MINUTE_MS + 1);
      for (
        let openMs = Math.ceil(fromMs / MINUTE_MS) * MINUTE_MS;
        openMs < end && candles.length < limit;
        openMs += MINUTE_MS
      )
        candles.push({
          openMs,
          open: 100,
          high: 101.5,
          low: 99.25,
          close: 100.75,
          volume: (openMs / MINUTE_MS) % 1_000,
        });
      return candles;
    },
    forming: () => undefined,
  };
}
