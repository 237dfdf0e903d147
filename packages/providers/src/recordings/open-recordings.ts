import { createHash } from 'node:crypto';
import { alwaysOpen, type Candle } from '@candlefleet/core';
import type { ReplayMarket, ReplaySeries } from '../replay/replay-market.js';
import { readManifest } from './manifest.js';
import { readRecording } from './read-recording.js';

/** A folder of recordings as a replay market. @throws BadInputError */
export async function openRecordings(folder: string): Promise<ReplayMarket> {
  const series: ReplaySeries[] = [];
  const bySeries = new Map<string, Candle[]>();
  const recordings = await readManifest(folder);
  for (const recording of recordings) {
    const { symbol, timeframe } = recording;
    const candles = await readRecording(recording, folder);
    const first = candles[0];
    const last = candles.at(-1);
    if (!first || !last) continue;
    bySeries.set(`${symbol} ${timeframe}`, candles);
    series.push({
      symbol,
      timeframe,
      fromMs: first.openMs,
      toMs: alwaysOpen.closeOf(timeframe, last.openMs),
    });
  }
  const digest = createHash('sha256').update(JSON.stringify(recordings)).digest('hex');
  return {
    identity: `recordings-${digest.slice(0, 12)}`,
    series,
    candles({ symbol, timeframe, fromMs, toMs, limit }) {
      const candles = bySeries.get(`${symbol} ${timeframe}`) ?? [];
      const start = firstAtOrAfter(candles, fromMs);
      const end = Math.min(start + limit, firstAtOrAfter(candles, toMs));
      return candles.slice(start, end);
    },
    forming: () => undefined,
  };
}

/** Index of the first candle that opens at `ms` or later, by bisection. */
function firstAtOrAfter(candles: readonly Candle[], ms: number): number {
  let low = 0;
  let high = candles.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((candles[middle]?.openMs ?? 0) < ms) low = middle + 1;
    else high = middle;
  }
  return low;
}
