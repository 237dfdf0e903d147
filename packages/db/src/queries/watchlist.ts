import type { AssetClass, Timeframe } from '@candlefleet/core';
import type { Database } from '../connect.js';

export interface SymbolToTrack {
  readonly provider: string;
  readonly symbol: string;
  readonly assetClass: AssetClass;
  readonly calendar: string;
  readonly timeframes: readonly Timeframe[];
  readonly listedMs?: number | undefined;
  readonly delistedMs?: number | undefined;
  /** Bounds of what is wanted of these timeframes' series; an absent end means: for ever on. */
  readonly historyFromMs: number;
  readonly historyToMs?: number | undefined;
}

export interface TrackedSymbol {
  readonly provider: string;
  readonly symbol: string;
  readonly assetClass: AssetClass;
  readonly calendar: string;
  readonly timeframes: Timeframe[];
  readonly active: boolean;
  readonly listedMs: number | null;
  readonly delistedMs: number | null;
}

/** Adds a symbol, or further timeframes to one that is tracked; sets the history bounds of the named timeframes. */
export function trackSymbol(db: Database, entry: SymbolToTrack, actor: string): Promise<void> {
  return trackSymbols(db, [entry], actor);
}

/** Adds all of them, or none: a watchlist that is written half would be taken for a whole one. */
export async function trackSymbols(
  db: Database,
  entries: readonly SymbolToTrack[],
  actor: string,
): Promise<void> {
  await db.run(
    'track symbols',
    (sql) => sql`select track_symbols(${JSON.stringify(entries)}::text::jsonb, ${actor})`,
  );
}

/** Stops tracking a symbol; its candles stay. Answers whether it was tracked. */
export async function untrackSymbol(
  db: Database,
  provider: string,
  symbol: string,
  actor: string,
): Promise<boolean> {
  const rows = await db.run(
    'untrack symbol',
    (sql) => sql`
      with gone as (delete from tracked_symbols where provider = ${provider} and symbol = ${symbol} returning 1)
      insert into audit_log (actor, action, subject) select ${actor}, 'symbol.untrack', ${`${provider} ${symbol}`} from gone
      returning 1`,
  );
  return rows.length > 0;
}

/** Pauses or resumes a symbol. Answers whether it is tracked. */
export async function setSymbolActive(
  db: Database,
  symbol: { provider: string; symbol: string; active: boolean },
  actor: string,
): Promise<boolean> {
  const action = symbol.active ? 'symbol.resume' : 'symbol.pause';
  const rows = await db.run(
    action,
    (sql) => sql`
      with changed as (
        update tracked_symbols set active = ${symbol.active}
        where provider = ${symbol.provider} and symbol = ${symbol.symbol} returning 1)
      insert into audit_log (actor, action, subject)
      select ${actor}, ${action}, ${`${symbol.provider} ${symbol.symbol}`} from changed returning 1`,
  );
  return rows.length > 0;
}

export async function listTrackedSymbols(db: Database): Promise<TrackedSymbol[]> {
  return db.run(
    'list symbols',
    (sql) => sql<TrackedSymbol[]>`
      select provider, symbol, asset_class as "assetClass", calendar, timeframes, active,
        to_ms(listed_at) as "listedMs", to_ms(delisted_at) as "delistedMs"
      from tracked_symbols order by provider, symbol`,
  );
}

export interface TrackedSeries {
  readonly seriesId: number;
  readonly provider: string;
  readonly symbol: string;
  readonly timeframe: Timeframe;
  readonly calendar: string;
  readonly assetClass: AssetClass;
  readonly active: boolean;
  readonly wantedFromMs: number | null;
  readonly wantedToMs: number | null;
  readonly everyMs: number | null;
}

/** Every series of the watchlist, active or not. */
export async function listTrackedSeries(db: Database): Promise<TrackedSeries[]> {
  return db.run(
    'list series',
    (sql) => sql<TrackedSeries[]>`
      select series_id as "seriesId", provider, symbol, timeframe, calendar, asset_class as "assetClass", active,
        to_ms(wanted_from) as "wantedFromMs", to_ms(wanted_to) as "wantedToMs",
        (schedule_override ->> 'everyMs')::float8 as "everyMs"
      from tracked_series order by series_id`,
  );
}

/** Providers that have, or had, a series: each has a queue. */
export async function listProviders(db: Database): Promise<string[]> {
  const rows = await db.run(
    'list providers',
    (sql) => sql<{ provider: string }[]>`select distinct provider from series`,
  );
  return rows.map((row) => row.provider).sort();
}
