import type { DeepFinding, Evidence } from './finding.js';
import { idsOf, type Scope } from './scope.js';

const RULE = {
  check: 'executions.held',
  remedy:
    'Their workers are gone, and no producer took them back: start one (`candlefleet producer`), or see in the log of the one that leads why its duty `reap` fails.',
};

/** Everything in progress belongs to a worker whose lease lives, or ran out a moment ago (invariant 5). */
export async function executionsHeld(scope: Scope): Promise<DeepFinding> {
  const faults = scope.faults();
  const ids = idsOf(scope);
  const rows = await scope.db.run(
    'find executions of lost workers',
    (sql) => sql<Evidence[]>`
      select e.execution_id as "executionId", e.series_id as "seriesId", e.kind, e.worker_id as "workerId",
        w.lease_until::text as "leaseUntil", e.started_at::text as "startedAt"
      from backfill_state_persistent e left join workers w using (worker_id)
      where e.status = 'in_progress' and (${ids}::int[] is null or e.series_id = any (${ids}::int[]))
        and coalesce(w.lease_until, e.started_at) < clock_timestamp() - ${scope.lostWorkerMs} * interval '1 millisecond'
      order by e.started_at`,
  );
  for (const row of rows) faults.add(row);
  return faults.finding(RULE, {
    sound: 'all that is in progress belongs to a living worker',
    broken: 'executions are in progress with nobody at work on them',
  });
}
