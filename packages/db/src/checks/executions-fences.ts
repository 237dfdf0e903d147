import type { DeepFinding, Evidence } from './finding.js';
import { idsOf, type Scope } from './scope.js';

const RULE = {
  check: 'executions.fences',
  remedy:
    'Each claim takes the next fence, and ends in an attempt of that fence or in the completion. Somebody changed these rows by SQL, or a function of the schema was replaced: compare it with `packages/db/drizzle`.',
};

/**
 * Attempts tell a history that can have happened: one for each claim but the one that holds or completed the execution,
 * none with a later fence than the row's, each begun after the one before it (invariant 4).
 */
export async function executionsFences(scope: Scope): Promise<DeepFinding> {
  const faults = scope.faults();
  const ids = idsOf(scope);
  // A claim looks at its clock just before it looks at the rows: hence the second.
  // A tail that found nothing missing when its row was written had the fence of a claim, and none took place.
  const rows = await scope.db.run(
    'compare attempts with fences',
    (sql) => sql<Evidence[]>`
      with told as (
        select a.execution_id, count(*) as attempts, max(a.fence) as newest, max(a.ended_at) as ended,
          bool_or(a.is_late) as is_late
        from (
          select execution_id, fence, ended_at, started_at > ended_at or coalesce(
            lag(ended_at) over (partition by execution_id order by fence) > started_at + interval '1 second', false) as is_late
          from execution_attempts
        ) a group by 1
      )
      select e.execution_id as "executionId", e.series_id as "seriesId", e.kind, e.status, e.fence::float8 as fence,
        coalesce(t.attempts, 0)::float8 as attempts, t.newest::float8 as "newestFence",
        coalesce(t.is_late, false) as "outOfOrder"
      from backfill_state_persistent e left join told t using (execution_id)
      where (${ids}::int[] is null or e.series_id = any (${ids}::int[])) and (
        t.is_late or t.newest > e.fence
        or (t.newest = e.fence and (e.status = 'in_progress' or e.outcome = 'stored'))
        or (e.status = 'in_progress' and t.ended > e.started_at + interval '1 second')
        or coalesce(t.attempts, 0) <> e.fence - case when e.status = 'in_progress' or e.outcome = 'stored' then 1
          when e.kind = 'tail' and e.outcome = 'nothing_missing' and e.fence = 1 and t.attempts is null then 1 else 0 end)
      order by e.created_at`,
  );
  for (const row of rows) faults.add(row);
  return faults.finding(RULE, {
    sound: 'every claim is accounted for, in order',
    broken: 'executions have attempts that do not fit their fence',
  });
}
