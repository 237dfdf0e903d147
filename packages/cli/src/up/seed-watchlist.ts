import { listTrackedSymbols, trackSymbol, type Database } from '@candlefleet/db';
import type { CandleSource, Timeframe } from '@candlefleet/core';
import { BadInputError, timeframeSchema } from '@candlefleet/core';
import { z } from 'zod';
import { trackFrom } from '../commands/symbols.js';
import type { SourceChoice } from './source-choice.js';

const DAY_MS = 24 * 60 * 60_000;

/** Enough to see every length at work, and done in a minute. */
const HISTORY: readonly { timeframe: Timeframe; ageMs: number | undefined }[] = [
  { timeframe: '1m', ageMs: 7 * DAY_MS },
  { timeframe: '1h', ageMs: 365 * DAY_MS },
  { timeframe: '1d', ageMs: undefined },
];

const QUOTES: Record<string, string> = { binance: 'USDT', kraken: 'USD', coinbase: 'USD', replay: 'USDT' };

/** Writes a first watchlist where the choice's provider has none. Answers whether it did. */
export async function seedWatchlist(options: {
  db: Database;
  choice: SourceChoice;
  replayUrl: string | undefined;
  openSource: (provider: string) => Promise<CandleSource>;
  actor: string;
}): Promise<boolean> {
  const { db, choice, replayUrl, actor } = options;
  const provider = choice.source === 'live' ? choice.provider : 'replay';
  if ((await listTrackedSymbols(db)).some((one) => one.provider === provider)) return false;
  if (choice.source === 'replay' && choice.recordings && replayUrl) {
    await trackRecordings(db, replayUrl, actor);
    return true;
  }
  const source = await options.openSource(provider);
  try {
    const nowMs = await db.clockMs();
    for (const base of ['BTC', 'ETH', 'SOL']) {
      for (const { timeframe, ageMs } of HISTORY) {
        const fromMs = ageMs === undefined ? 'all' : nowMs - ageMs;
        await trackFrom(
          db,
          source,
          { provider, symbol: `${base}/${QUOTES[provider] ?? 'USD'}`, timeframes: [timeframe], fromMs },
          actor,
        );
      }
    }
  } finally {
    await source.close();
  }
  return true;
}

const seriesSchema = z.object({
  series: z.array(
    z.object({ symbol: z.string(), timeframe: timeframeSchema, fromMs: z.number(), toMs: z.number() }),
  ),
});

/** Every recording, from its first candle to the close of its last. */
async function trackRecordings(db: Database, replayUrl: string, actor: string): Promise<void> {
  const answer = await fetch(new URL('/replay/series', replayUrl));
  const { series } = seriesSchema.parse(await answer.json());
  if (series.length === 0) throw new BadInputError('The recordings hold no candle.');
  for (const { symbol, timeframe, fromMs, toMs } of series) {
    await trackSymbol(
      db,
      {
        provider: 'replay',
        symbol,
        assetClass: 'crypto',
        calendar: '24x7',
        timeframes: [timeframe],
        historyFromMs: fromMs,
        historyToMs: toMs,
      },
      actor,
    );
  }
}
