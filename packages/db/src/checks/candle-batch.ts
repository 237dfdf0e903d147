import type { Range } from '@candlefleet/core';
import type { Database } from '../connect.js';
import type { Evidence } from './finding.js';
import type { ScopedSeries } from './scope.js';

/** Some candles of one series, in the order of their key, and what was proven about their time when they were read. */
export interface CandleBatch {
  readonly series: ScopedSeries;
  /** Open times, ascending. Not rounded: off by a microsecond is off. */
  readonly openTimesMs: readonly number[];
  /** Coverage from the first to the last of them. */
  readonly covered: readonly Range[];
  /** Those that were stored sooner than a whole candle and the settle delay after they opened. */
  readonly early: readonly { openMs: number; storedMs: number }[];
  readonly invalid: readonly Evidence[];
  readonly invalidCount: number;
}

interface Row {
  count: number;
  last: string;
  times: string;
  coveredFrom: string | null;
  coveredTo: string | null;
  early: { openMs: number; storedMs: number }[];
  invalid: Evidence[];
  invalidCount: number;
}

/** Candles in one statement: short enough for any statement timeout. */
const BATCH = 50_000;
const INVALID_SHOWN = 5;

/** Reads a series' candles in key order. Candles and coverage of a batch come from one snapshot. */
export async function* readCandleBatches(
  db: Database,
  series: ScopedSeries,
  wholeMs: number,
): AsyncGenerator<CandleBatch> {
  for (let after: string | null = null; ;) {
    const [row]: readonly Row[] = await readBatch(db, series.seriesId, after, wholeMs);
    if (!row || row.count === 0) return;
    yield {
      series,
      openTimesMs: row.times.split(',').map(Number),
      covered: zipRanges(row.coveredFrom, row.coveredTo),
      early: row.early,
      invalid: row.invalid,
      invalidCount: row.invalidCount,
    };
    if (row.count < BATCH) return;
    after = row.last;
  }
}

function readBatch(
  db: Database,
  seriesId: number,
  after: string | null,
  wholeMs: number,
): Promise<readonly Row[]> {
  // The prices as text: JSON has no NaN. Instants as plain numbers: a float of this size shows microseconds.
  return db.run(
    'read candles to check',
    (sql) => sql<Row[]>`
      with batch as materialized (
        select time, open, high, low, close, volume, created_at,
          not (low <= least(open, close) and high >= greatest(open, close) and volume >= 0
            and low > '-Infinity' and high < 'Infinity' and volume < 'Infinity') as is_invalid
        from market_data where series_id = ${seriesId} and (${after}::timestamptz is null or time > ${after}::timestamptz)
        order by time limit ${BATCH}
      ), bounds as (
        select count(*)::int as count, min(time) as first, max(time) as last from batch
      ), proven as (
        select r from bounds, series_coverage c, unnest(c.covered * tstzmultirange(tstzrange(bounds.first, bounds.last, '[]'))) r
        where c.series_id = ${seriesId} and bounds.count > 0
      )
      select count, last::text as last,
        (select string_agg((date_part('epoch', time) * 1000)::text, ',' order by time) from batch) as times,
        (select string_agg((date_part('epoch', coalesce(lower(r), '-infinity')) * 1000)::text, ',' order by r) from proven)
          as "coveredFrom",
        (select string_agg((date_part('epoch', coalesce(upper(r), 'infinity')) * 1000
          + case when upper_inc(r) then 0.001 else 0 end)::text, ',' order by r) from proven) as "coveredTo",
        (select coalesce(jsonb_agg(jsonb_build_object('openMs', to_ms(time), 'storedMs', to_ms(created_at))), '[]')
          from batch where isfinite(time) and created_at < time + ${wholeMs} * interval '1 millisecond') as early,
        (select coalesce(jsonb_agg(to_jsonb(i)), '[]') from (
          select time::text, open::text, high::text, low::text, close::text, volume::text from batch where is_invalid
          order by time limit ${INVALID_SHOWN}) i) as invalid,
        (select count(*)::int from batch where is_invalid) as "invalidCount"
      from bounds`,
  );
}

function zipRanges(from: string | null, to: string | null): Range[] {
  if (from === null || to === null) return [];
  const ends = to.split(',').map(Number);
  return from.split(',').map((start, index) => ({ fromMs: Number(start), toMs: ends[index] ?? Number.NaN }));
}
