import type { DeepFinding, Evidence } from './finding.js';
import { idsOf, type Scope } from './scope.js';

const RULE = {
  check: 'executions.counters',
  remedy:
    'Something was stored or removed outside of an execution: a write that no fence guarded, SQL by hand, or a partial restore. Compare the series with its provider: `candlefleet backfill` after its coverage was emptied reads it all again.',
};

/**
 * What executions say they stored, with the totals of those that retention removed, is what is there: candles, revisions
 * and refusals, series by series. A write that no execution counted, or that was counted twice, shows here.
 */
export async function executionsCounters(scope: Scope): Promise<DeepFinding> {
  const faults = scope.faults();
  const ids = idsOf(scope);
  const rows = await scope.db.run(
    'add up what executions stored',
    (sql) => sql<Evidence[]>`
      with work as (
        select series_id, sum(inserted) as inserted, sum(updated) as updated, sum(rejected) as rejected from (
          select series_id, records_inserted as inserted, records_updated as updated, records_rejected as rejected
            from backfill_state_persistent
          union all select series_id, stored, updated, rejected from series_activity
        ) w group by 1
      ), revised as (select series_id, count(*) as count from candle_revisions group by 1)
      , refused as (select series_id, count(*) as count from rejected_candles group by 1)
      select s.series_id as "seriesId", concat_ws(' ', s.provider, s.symbol, s.timeframe) as series,
        coalesce(w.inserted, 0)::float8 as inserted, coalesce(c.candle_count, 0)::float8 as candles,
        coalesce(w.updated, 0)::float8 as updated, coalesce(v.count, 0)::float8 as revisions,
        coalesce(w.rejected, 0)::float8 as rejected, coalesce(r.count, 0)::float8 as refusals
      from series s
      left join series_coverage c using (series_id)
      left join work w using (series_id)
      left join revised v using (series_id)
      left join refused r using (series_id)
      where (${ids}::int[] is null or s.series_id = any (${ids}::int[]))
        and (coalesce(w.inserted, 0), coalesce(w.updated, 0), coalesce(w.rejected, 0))
          <> (coalesce(c.candle_count, 0), coalesce(v.count, 0), coalesce(r.count, 0))
      order by s.series_id`,
  );
  for (const row of rows) faults.add(row);
  return faults.finding(RULE, {
    sound: 'what executions say they stored is what is there',
    broken: 'series hold something else than their executions stored',
  });
}
