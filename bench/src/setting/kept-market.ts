import type { Candle } from '@candlefleet/core';
import { createSimulatedMarket, SIMULATED_LISTING_MS, type ReplayMarket } from '@candlefleet/providers';

const MINUTE_MS = 60_000;

/** One-minute candles of one simulated symbol, from its listing on. */
export function simulateMinutes(count: number): Candle[] {
  const symbol = 'BTC/USDT';
  const fromMs = SIMULATED_LISTING_MS;
  const toMs = fromMs + count * MINUTE_MS;
  const ask = { symbol, timeframe: '1m', fromMs, toMs, limit: count, nowMs: Date.now() } as const;
  return createSimulatedMarket({ seed: 1, symbols: [symbol] }).candles(ask);
}

/**
 * A market whose candles were computed beforehand, the same for each of its symbols: so that serving them costs what a
 * server's work costs, and not what simulating costs.
 */
export function keepMarket(symbols: readonly string[], count: number): ReplayMarket {
  const candles = simulateMinutes(count);
  const indexOf = (ms: number) => Math.max(0, Math.ceil((ms - SIMULATED_LISTING_MS) / MINUTE_MS));
  return {
    identity: 'kept-market',
    series: symbols.map((symbol) => ({ symbol, timeframe: '1m', fromMs: SIMULATED_LISTING_MS })),
    candles({ fromMs, toMs, limit }) {
      const from = indexOf(fromMs);
      return candles.slice(
        from,
        Math.min(from + limit, Number.isFinite(toMs) ? indexOf(toMs) : candles.length),
      );
    },
    forming: () => undefined,
  };
}
