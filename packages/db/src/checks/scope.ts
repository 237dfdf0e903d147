import type { ProviderTraits, Timeframe } from '@candlefleet/core';
import type { Database } from '../connect.js';
import { createFaults, type Faults } from './finding.js';

export interface DeepCheckOptions {
  /** Absent: every series. */
  readonly provider?: string | undefined;
  readonly symbol?: string | undefined;
  readonly traitsOf: (provider: string) => ProviderTraits;
  /** Providers whose queue a person paused: what waits there is not stuck. */
  readonly pausedProviders?: readonly string[] | undefined;
  /** How long something may be due, and nothing of it move, before it counts as stuck or forgotten. */
  readonly patienceMs?: number | undefined;
  /** How long after the end of its worker's lease an execution may still be in progress. */
  readonly lostWorkerMs?: number | undefined;
  /** Rows of evidence a rule keeps. */
  readonly evidenceLimit?: number | undefined;
  /** Told as the candles are read, twice each: in their order, and where they lie. */
  readonly onProgress?: ((progress: DeepCheckProgress) => void) | undefined;
}

export interface DeepCheckProgress {
  /** The rule, or the part of the work, that is under way. */
  readonly what: string;
  readonly done: number;
  readonly total: number;
}

/** A series, watched or not, or candles of none. */
export interface ScopedSeries {
  readonly seriesId: number;
  readonly provider: string;
  readonly symbol: string;
  readonly timeframe: Timeframe | null;
  /** Null where the symbol is tracked no more: then nobody knows its calendar. */
  readonly calendar: string | null;
  /** As the coverage tells. */
  readonly candles: number;
}

/** What every rule gets. */
export interface Scope {
  readonly db: Database;
  readonly traitsOf: (provider: string) => ProviderTraits;
  readonly pausedProviders: readonly string[];
  readonly patienceMs: number;
  readonly lostWorkerMs: number;
  readonly evidenceLimit: number;
  /** Only some series are asked about. */
  readonly isPart: boolean;
  readonly series: readonly ScopedSeries[];
  faults(): Faults;
  tell(what: string, more: number): void;
}

/** Long enough for what waits its turn, short enough to be told within a coffee. */
const PATIENCE_MS = 10 * 60_000;
const LOST_WORKER_MS = 60_000;
const EVIDENCE_LIMIT = 5;

export async function openScope(db: Database, options: DeepCheckOptions): Promise<Scope> {
  const series = await listScopedSeries(db, options);
  const total = 2 * series.reduce((sum, one) => sum + one.candles, 0);
  const evidenceLimit = options.evidenceLimit ?? EVIDENCE_LIMIT;
  let done = 0;
  return {
    db,
    series,
    isPart: options.provider !== undefined || options.symbol !== undefined,
    traitsOf: options.traitsOf,
    pausedProviders: options.pausedProviders ?? [],
    patienceMs: options.patienceMs ?? PATIENCE_MS,
    lostWorkerMs: options.lostWorkerMs ?? LOST_WORKER_MS,
    evidenceLimit,
    faults: () => createFaults(evidenceLimit),
    tell(what, more) {
      done += more;
      options.onProgress?.({ what, done: Math.min(done, total), total });
    },
  };
}

/** Also those that only candles tell of: a series that nobody knows is a fault to be found. */
async function listScopedSeries(db: Database, only: DeepCheckOptions): Promise<ScopedSeries[]> {
  const { provider = null, symbol = null } = only;
  return db.run(
    'list series to check',
    (sql) => sql<ScopedSeries[]>`
      with recursive stored(series_id) as (
        (select series_id from market_data order by series_id limit 1)
        union all
        select (select m.series_id from market_data m where m.series_id > s.series_id order by m.series_id limit 1)
        from stored s where s.series_id is not null
      ), known as (
        select series_id from series union select series_id from stored where series_id is not null
      )
      select k.series_id as "seriesId", coalesce(s.provider, '?') as provider, coalesce(s.symbol, '?') as symbol,
        s.timeframe, t.calendar, coalesce(c.candle_count, 0) as candles
      from known k
      left join series s using (series_id)
      left join series_coverage c using (series_id)
      left join tracked_symbols t on t.provider = s.provider and t.symbol = s.symbol
      where (${provider}::text is null or s.provider = ${provider}) and (${symbol}::text is null or s.symbol = ${symbol})
      order by k.series_id`,
  );
}

/** How a series is called in evidence. */
export function nameOf({ seriesId, provider, symbol, timeframe }: ScopedSeries) {
  return { seriesId, series: `${provider} ${symbol} ${timeframe ?? '?'}` };
}

/** The ids of the series asked about, as an array literal for SQL; null: all of them. */
export function idsOf({ isPart, series }: Scope): string | null {
  return isPart ? `{${series.map((one) => one.seriesId).join(',')}}` : null;
}
