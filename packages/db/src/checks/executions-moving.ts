import { texts } from '../literals.js';
import type { DeepFinding, Evidence } from './finding.js';
import { idsOf, type Scope } from './scope.js';

const RULE = {
  check: 'executions.moving',
  remedy:
    'They are due, workers live, and nobody takes them. Do the workers consume the queue of their provider (WORKER_QUEUES)? Is their log full of one error? Does the producer lead, and its duty `relay` succeed?',
};

/**
 * What is due is taken, while workers live and the queue is not paused. One that waits its turn is not stuck: one is when
 * nothing of its provider moved within the patience, or what came so much later, of its kind, was done before it.
 */
export async function executionsMoving(scope: Scope): Promise<DeepFinding> {
  const faults = scope.faults();
  const ids = idsOf(scope);
  const rows = await scope.db.run(
    'find executions that do not move',
    (sql) => sql<Evidence[]>`
      with lately as (select clock_timestamp() - ${scope.patienceMs} * interval '1 millisecond' as at), newest as (
        select p.provider, d.kind, max(d.created_at) as done from backfill_state_persistent d join series p using (series_id)
        where d.outcome = 'stored' group by 1, 2
      )
      select e.execution_id as "executionId", e.series_id as "seriesId", s.provider, e.kind,
        e.pending_reason as "pendingReason", e.not_before::text as "notBefore"
      from lately, backfill_state_persistent e join series s using (series_id)
      left join newest n on n.provider = s.provider and n.kind = e.kind
      where e.status = 'pending' and e.not_before < lately.at
        and (${ids}::int[] is null or e.series_id = any (${ids}::int[]))
        and s.provider <> all (${texts(scope.pausedProviders)}::text[])
        and exists (select 1 from workers w where w.lease_until > clock_timestamp() and w.started_at < lately.at)
        and not exists (select 1 from provider_budgets b where b.provider = s.provider and b.ban_until > lately.at)
        and (n.done > e.not_before + (clock_timestamp() - lately.at)
          or s.provider not in (select p.provider from backfill_state_persistent m join series p using (series_id)
            where greatest(m.heartbeat_at, m.completed_at) > lately.at))
      order by e.not_before`,
  );
  for (const row of rows) faults.add(row);
  return faults.finding(RULE, {
    sound: 'what is due is taken',
    broken: 'executions are due, and nobody takes them',
  });
}
