import {
  BadInputError,
  calendarOf,
  openAtOrAfter,
  type CandleSource,
  type SymbolInfo,
  type Timeframe,
} from '@candlefleet/core';
import type { SymbolToTrack } from '@candlefleet/db';
import { BEFORE_ALL_EXCHANGES_MS } from '@candlefleet/providers';
import { showTime } from './terminal/table.js';

export interface SymbolRange {
  readonly provider: string;
  readonly symbol: string;
  readonly timeframes: readonly Timeframe[];
  readonly fromMs: number | 'all';
  readonly toMs?: number | undefined;
}

const CALENDAR = '24x7';
const LOOK_UP_MS = 60_000;

/**
 * What the watchlist is to hold for a symbol, one entry a timeframe, each with its own bounds on the timeframe's grid and
 * within what the provider has. Asks the provider, and writes nothing. @throws BadInputError
 */
export async function watchlistEntries(source: CandleSource, range: SymbolRange): Promise<SymbolToTrack[]> {
  const { provider, symbol, timeframes } = range;
  const signal = AbortSignal.timeout(LOOK_UP_MS);
  const known = (await source.findSymbols(symbol, signal)).find((one) => one.symbol === symbol);
  if (!known) {
    throw new BadInputError(
      `${provider} has no symbol ${symbol}. \`npx candlefleet symbols find ${symbol.split('/')[0] ?? ''} --provider ${provider}\` looks for one.`,
    );
  }
  for (const timeframe of timeframes) refuseAbsent(source, known, timeframe);
  const entries: SymbolToTrack[] = [];
  for (const timeframe of timeframes) {
    const bounds = await boundsOf(source, known, { ...range, timeframe }, signal);
    entries.push({
      provider,
      symbol,
      assetClass: known.assetClass,
      calendar: CALENDAR,
      timeframes: [timeframe],
      ...bounds,
    });
  }
  return entries;
}

function refuseAbsent({ traits }: CandleSource, { symbol, series }: SymbolInfo, timeframe: Timeframe): void {
  const served = series?.map((one) => one.timeframe) ?? traits.timeframes;
  if (served.includes(timeframe)) return;
  const what = series ? `${timeframe} candles of ${symbol}` : `${timeframe} candles`;
  throw new BadInputError(`${traits.provider} has no ${what}. It has ${served.join(', ')}.`);
}

async function boundsOf(
  source: CandleSource,
  { symbol, series }: SymbolInfo,
  range: SymbolRange & { timeframe: Timeframe },
  signal: AbortSignal,
): Promise<{ historyFromMs: number; historyToMs: number | undefined }> {
  const { timeframe } = range;
  const had = series?.find((one) => one.timeframe === timeframe);
  const first =
    had?.fromMs ??
    (range.fromMs === 'all' ? await source.findFirstCandle(symbol, timeframe, signal) : undefined);
  const align = (ms: number) => openAtOrAfter(calendarOf(CALENDAR), timeframe, ms);
  const asked = range.fromMs === 'all' ? BEFORE_ALL_EXCHANGES_MS : range.fromMs;
  const historyFromMs = align(Math.max(asked, first ?? asked));
  const endMs = Math.min(range.toMs ?? Number.POSITIVE_INFINITY, had?.toMs ?? Number.POSITIVE_INFINITY);
  const historyToMs = Number.isFinite(endMs) ? align(endMs) : undefined;
  if (historyToMs !== undefined && historyToMs <= historyFromMs) {
    const end = had?.toMs === undefined ? ' on' : ` to ${showTime(had.toMs)}`;
    throw new BadInputError(
      first === undefined
        ? `No ${timeframe} candle opens between --from and --to.`
        : `No ${timeframe} candle of ${symbol} opens between --from and --to: ${range.provider} has them from ${showTime(first)}${end}.`,
    );
  }
  return { historyFromMs, historyToMs };
}
