import type { CandleSource, Timeframe } from '@candlefleet/core';
import { listProviders, trackSymbols, type Database, type SymbolToTrack } from '@candlefleet/db';
import { watchlistEntries } from '../watchlist-entries.js';
import type { SourceChoice } from './source-choice.js';

const DAY_MS = 24 * 60 * 60_000;
const LOOK_UP_MS = 60_000;

/** Enough to see every length at work, and done in a minute. */
const HISTORY: readonly { timeframe: Timeframe; ageMs: number | undefined }[] = [
  { timeframe: '1m', ageMs: 7 * DAY_MS },
  { timeframe: '1h', ageMs: 365 * DAY_MS },
  { timeframe: '1d', ageMs: undefined },
];

const QUOTES: Record<string, string> = { binance: 'USDT', kraken: 'USD', coinbase: 'USD', replay: 'USDT' };

/**
 * Writes a first watchlist where the choice's provider never had a series: whole or not at all, and one that a person
 * emptied stays empty. Answers whether it did.
 */
export async function seedWatchlist(options: {
  db: Database;
  choice: SourceChoice;
  openSource: (provider: string) => Promise<CandleSource>;
  actor: string;
}): Promise<boolean> {
  const { db, choice, actor } = options;
  const provider = choice.source === 'live' ? choice.provider : 'replay';
  if ((await listProviders(db)).includes(provider)) return false;
  const source = await options.openSource(provider);
  try {
    const isRecorded = choice.source === 'replay' && choice.recordings !== undefined;
    const entries = isRecorded
      ? await recordedEntries(source)
      : await firstEntries(source, provider, await db.clockMs());
    await trackSymbols(db, entries, actor);
  } finally {
    await source.close();
  }
  return true;
}

/** Every recording, from its first candle to the close of its last. */
async function recordedEntries(source: CandleSource): Promise<SymbolToTrack[]> {
  const entries: SymbolToTrack[] = [];
  for (const { symbol, series } of await source.findSymbols('', AbortSignal.timeout(LOOK_UP_MS))) {
    const timeframes = series?.map((one) => one.timeframe) ?? [];
    entries.push(
      ...(await watchlistEntries(source, { provider: 'replay', symbol, timeframes, fromMs: 'all' })),
    );
  }
  return entries;
}

async function firstEntries(source: CandleSource, provider: string, nowMs: number): Promise<SymbolToTrack[]> {
  const entries: SymbolToTrack[] = [];
  for (const base of ['BTC', 'ETH', 'SOL']) {
    const symbol = `${base}/${QUOTES[provider] ?? 'USD'}`;
    for (const { timeframe, ageMs } of HISTORY) {
      const fromMs = ageMs === undefined ? 'all' : nowMs - ageMs;
      entries.push(
        ...(await watchlistEntries(source, { provider, symbol, timeframes: [timeframe], fromMs })),
      );
    }
  }
  return entries;
}
