import {
  BadInputError,
  calendarOf,
  openAtOrAfter,
  type CandleSource,
  type Timeframe,
} from '@candlefleet/core';
import {
  listTrackedSymbols,
  setSymbolActive,
  trackSymbol,
  untrackSymbol,
  type Database,
  type SymbolToTrack,
} from '@candlefleet/db';
import { withSource } from '../connect-fleet.js';
import { NotFoundError } from '../errors.js';
import { renderTable } from '../terminal/table.js';
import { withWarehouse, type CommandContext } from './context.js';

const CALENDAR = '24x7';
const LOOK_UP_MS = 60_000;
/** Where a provider cannot tell its first candle: older than any exchange that ccxt knows. */
const BEFORE_ALL_EXCHANGES_MS = Date.UTC(2011, 0, 1);

export interface SymbolRange {
  readonly provider: string;
  readonly symbol: string;
  readonly timeframes: readonly Timeframe[];
  readonly fromMs: number | 'all';
  readonly toMs?: number | undefined;
}

/** Tracks a symbol that its provider knows, from its first candle on where all is wanted. */
export async function addSymbol(context: CommandContext, range: SymbolRange): Promise<void> {
  if (range.fromMs !== 'all' && range.toMs !== undefined && range.toMs <= range.fromMs) {
    throw new BadInputError('--to must be later than --from.');
  }
  await withWarehouse(context, async (db) => {
    await withSource({ ...context, db }, range.provider, (source) =>
      trackFrom(db, source, range, context.actor),
    );
    context.output.value({ tracked: range.symbol, provider: range.provider, timeframes: range.timeframes });
    context.output.line(
      `${range.symbol} (${range.timeframes.join(', ')}) of ${range.provider} is tracked. \`candlefleet status\` shows it arrive.`,
    );
  });
}

/** Writes one watchlist entry, each timeframe with its own bounds. @throws SymbolUnknownError, BadInputError */
export async function trackFrom(
  db: Database,
  source: CandleSource,
  range: SymbolRange,
  actor: string,
): Promise<void> {
  const { provider, symbol, timeframes } = range;
  const signal = AbortSignal.timeout(LOOK_UP_MS);
  const known = (await source.findSymbols(symbol, signal)).find((one) => one.symbol === symbol);
  if (!known) {
    throw new BadInputError(
      `${provider} has no symbol ${symbol}. \`candlefleet symbols find ${symbol.split('/')[0] ?? ''} --provider ${provider}\` looks for one.`,
    );
  }
  for (const timeframe of timeframes) {
    if (!source.traits.timeframes.includes(timeframe)) {
      throw new BadInputError(
        `${provider} has no ${timeframe} candles. It has ${source.traits.timeframes.join(', ')}.`,
      );
    }
  }
  for (const timeframe of timeframes) {
    const first =
      range.fromMs === 'all' ? await source.findFirstCandle(symbol, timeframe, signal) : range.fromMs;
    const entry: SymbolToTrack = {
      provider,
      symbol,
      assetClass: known.assetClass,
      calendar: CALENDAR,
      timeframes: [timeframe],
      historyFromMs: openAtOrAfter(calendarOf(CALENDAR), timeframe, first ?? BEFORE_ALL_EXCHANGES_MS),
      historyToMs: range.toMs,
    };
    await trackSymbol(db, entry, actor);
  }
}

export async function findSymbols(context: CommandContext, provider: string, query: string): Promise<void> {
  await withWarehouse(context, async (db) => {
    const found = await withSource({ ...context, db }, provider, (source) =>
      source.findSymbols(query, AbortSignal.timeout(LOOK_UP_MS)),
    );
    context.output.value(found);
    if (found.length === 0) context.output.line(`${provider} has no symbol with "${query}" in its name.`);
    else
      context.output.line(
        renderTable(
          ['symbol', 'active'],
          found.map((one) => [one.symbol, one.active ? 'yes' : 'no']),
        ),
      );
  });
}

export async function removeSymbol(context: CommandContext, provider: string, symbol: string): Promise<void> {
  await withWarehouse(context, async (db) => {
    refuseUnknown(await untrackSymbol(db, provider, symbol, context.actor), provider, symbol);
    context.output.value({ removed: symbol, provider });
    context.output.line(`${symbol} of ${provider} is no longer tracked. Its candles stay.`);
  });
}

export async function setActive(
  context: CommandContext,
  key: { provider: string; symbol: string },
  active: boolean,
): Promise<void> {
  await withWarehouse(context, async (db) => {
    refuseUnknown(await setSymbolActive(db, { ...key, active }, context.actor), key.provider, key.symbol);
    context.output.value({ ...key, active });
    context.output.line(
      `${key.symbol} of ${key.provider} is ${active ? 'active again' : 'paused: nothing of it is fetched'}.`,
    );
  });
}

export async function listSymbols(context: CommandContext): Promise<void> {
  await withWarehouse(context, async (db) => {
    const symbols = await listTrackedSymbols(db);
    context.output.value(symbols);
    if (symbols.length === 0) {
      context.output.line(
        'Nothing is tracked yet: `candlefleet symbols add BTC/USDT --provider binance --timeframes 1h` begins.',
      );
      return;
    }
    const rows = symbols.map((one) => [
      one.provider,
      one.symbol,
      one.timeframes.join(' '),
      one.calendar,
      one.active ? 'active' : 'paused',
    ]);
    context.output.line(renderTable(['provider', 'symbol', 'timeframes', 'calendar', 'state'], rows));
  });
}

function refuseUnknown(isKnown: boolean, provider: string, symbol: string): void {
  if (!isKnown)
    throw new NotFoundError(
      `${symbol} of ${provider} is not tracked. \`candlefleet symbols list\` shows what is.`,
    );
}
