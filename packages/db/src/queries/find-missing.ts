import type { Range, Timeframe } from '@candlefleet/core';
import type { Database } from '../connect.js';
import { numbers, parseRanges, texts } from '../literals.js';

/** Up to where the planner looks in series of this provider and timeframe. */
export interface PlanningHorizon {
  readonly provider: string;
  readonly timeframe: Timeframe;
  readonly toMs: number;
}

export interface SeriesWithMissing {
  readonly seriesId: number;
  readonly provider: string;
  readonly symbol: string;
  readonly timeframe: Timeframe;
  readonly calendar: string;
  readonly missing: Range[];
  /** Pending or in progress executions that are no tails. */
  readonly outstanding: number;
}

interface Row extends Omit<SeriesWithMissing, 'missing'> {
  missing: unknown;
}

/**
 * What the planner may plan (T1): missing, in no pending or in progress row, not cancelled by a person, and not failed
 * lately. Active series that have any, those with the newest missing candle first.
 */
export async function findMissing(
  db: Database,
  horizons: readonly PlanningHorizon[],
): Promise<SeriesWithMissing[]> {
  const rows = await db.run(
    'find missing',
    (sql) => sql<Row[]>`
      select * from (
        select t.series_id as "seriesId", t.provider, t.symbol, t.timeframe, t.calendar, coalesce(a.outstanding, 0)::int as outstanding,
          ranges_to_ms(tstzmultirange(tstzrange(t.wanted_from, least(t.wanted_to, from_ms(h.to_ms))))
            - settled_of(c) - coalesce(a.taken, '{}')) as missing
        from tracked_series t
        join unnest(${texts(horizons.map((h) => h.provider))}::text[], ${texts(horizons.map((h) => h.timeframe))}::text[],
          ${numbers(horizons.map((h) => h.toMs))}::float8[]) as h(provider, timeframe, to_ms)
          on h.provider = t.provider and h.timeframe = t.timeframe
        join series_coverage c on c.series_id = t.series_id
        left join lateral (
          select range_agg(e.range) as taken,
            count(*) filter (where e.status in ('pending', 'in_progress') and e.kind <> 'tail') as outstanding
          from (
            select range, status, kind from backfill_state_persistent
              where series_id = t.series_id and status in ('pending', 'in_progress')
            union all
            select range, status, kind from backfill_state_persistent
              where series_id = t.series_id and (status = 'failed' or cancel_stands)
                and (cancel_stands or replan_after > clock_timestamp())
          ) e
        ) a on true
        where t.active and t.wanted_from < least(t.wanted_to, from_ms(h.to_ms))
      ) m where missing <> '[]'::jsonb`,
  );
  return rows
    .map((row) => ({ ...row, missing: parseRanges(row.missing) }))
    .sort((a, b) => (b.missing.at(-1)?.toMs ?? 0) - (a.missing.at(-1)?.toMs ?? 0));
}

/** Pending and in progress executions that are no tails, per provider, whether their series misses more or not. */
export async function countOutstanding(db: Database): Promise<Map<string, number>> {
  const rows = await db.run(
    'count outstanding',
    (sql) => sql<{ provider: string; count: number }[]>`
      select s.provider, count(*)::int as count
      from backfill_state_persistent e join series s using (series_id)
      where e.status in ('pending', 'in_progress') and e.kind <> 'tail' group by s.provider`,
  );
  return new Map(rows.map(({ provider, count }) => [provider, count]));
}
