import { setImmediate } from 'node:timers/promises';
import { timeframeMs, type Candle } from '@candlefleet/core';
import type { CandlesAsk, ReplayMarket } from './replay-market.js';

/** Minutes of a simulated market that are computed before others get their turn: some 10 ms. */
const PIECE_MINUTES = 10_000;

/** A page, without keeping other requests waiting while its candles are computed. */
export async function readPage(market: ReplayMarket, ask: CandlesAsk): Promise<Candle[]> {
  const most = Math.max(1, Math.floor((PIECE_MINUTES * 60_000) / timeframeMs(ask.timeframe)));
  const candles: Candle[] = [];
  for (let { fromMs } = ask; candles.length < ask.limit;) {
    const limit = Math.min(most, ask.limit - candles.length);
    const piece = market.candles({ ...ask, fromMs, limit });
    candles.push(...piece);
    const last = piece.at(-1);
    if (!last || piece.length < limit) break;
    fromMs = last.openMs + 1;
    await setImmediate();
  }
  return candles;
}
