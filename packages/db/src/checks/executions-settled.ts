import type { DeepFinding, Evidence } from './finding.js';
import { idsOf, type Scope } from './scope.js';

const RULE = {
  check: 'executions.settled',
  remedy:
    'They say that they are completed, and their range is not settled: coverage was taken away by SQL or a partial restore. The planner fetches what is missing again; this record of the past stays wrong until retention removes it.',
};

const BATCH = 20_000;

/**
 * What completed has its whole range covered, unavailable or in doubt (invariant 6). Of executions from before the bounds
 * of their series changed nobody knows any more what was wanted then: they are left out.
 */
export async function executionsSettled(scope: Scope): Promise<DeepFinding> {
  const faults = scope.faults();
  for (let after = '00000000-0000-0000-0000-000000000000'; ;) {
    const [row] = await readBatch(scope, after);
    for (const one of row?.shown ?? []) faults.add(one);
    faults.addMore((row?.unsettled ?? 0) - (row?.shown.length ?? 0));
    if (!row?.last || row.count < BATCH) break;
    after = row.last;
  }
  return faults.finding(RULE, {
    sound: 'what is completed is settled',
    broken: 'completed executions have ranges that are not settled',
  });
}

interface Row {
  count: number;
  last: string | null;
  unsettled: number;
  shown: Evidence[];
}

function readBatch(scope: Scope, after: string): Promise<readonly Row[]> {
  const ids = idsOf(scope);
  return scope.db.run(
    'compare completed executions with coverage',
    (sql) => sql<Row[]>`
      with batch as materialized (
        select execution_id, series_id, kind, range, status, completed_at from backfill_state_persistent
        where execution_id > ${after}::uuid order by execution_id limit ${BATCH}
      ), known as materialized (
        select c.series_id, c.covered + c.unavailable + c.unconfirmed as ranges from series_coverage c
        where c.series_id in (select series_id from batch)
      ), unsettled as (
        select b.execution_id as "executionId", b.series_id as "seriesId", b.kind, b.range::text as range
        from batch b
        join tracked_series t using (series_id)
        join series s using (series_id)
        join tracked_symbols w on w.provider = t.provider and w.symbol = t.symbol
        left join known k using (series_id)
        where b.status = 'completed' and b.completed_at > greatest(s.updated_at, w.updated_at)
          and (${ids}::int[] is null or b.series_id = any (${ids}::int[]))
          and not coalesce(k.ranges, '{}') @> (b.range * tstzrange(t.wanted_from, t.wanted_to))
      )
      select (select count(*)::int from batch) as count, (select max(execution_id::text) from batch) as last,
        (select count(*)::int from unsettled) as unsettled,
        (select coalesce(jsonb_agg(to_jsonb(u)), '[]') from (select * from unsettled limit ${scope.evidenceLimit}) u) as shown`,
  );
}
