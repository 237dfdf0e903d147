import { texts } from '../literals.js';
import type { DeepFinding, Evidence } from './finding.js';
import { idsOf, type Scope } from './scope.js';

const RULE = {
  check: 'executions.moving',
  remedy:
    'They are due, workers live, and nothing of their provider moves. Do the workers consume its queue (WORKER_QUEUES)? Is their log full of one error? Does the producer lead, and its duty `relay` succeed?',
};

/**
 * What is due is taken, while workers live and the queue is not paused: something of the provider was claimed, stored or
 * ended within the patience. One that waits its turn behind others is not stuck; one without a job is another rule's.
 */
export async function executionsMoving(scope: Scope): Promise<DeepFinding> {
  const faults = scope.faults();
  const ids = idsOf(scope);
  const rows = await scope.db.run(
    'find executions that do not move',
    (sql) => sql<Evidence[]>`
      with lately as (select clock_timestamp() - ${scope.patienceMs} * interval '1 millisecond' as at)
      select e.execution_id as "executionId", e.series_id as "seriesId", s.provider, e.kind,
        e.pending_reason as "pendingReason", e.not_before::text as "notBefore"
      from lately, backfill_state_persistent e join series s using (series_id)
      where e.status = 'pending' and e.not_before < lately.at
        and (${ids}::int[] is null or e.series_id = any (${ids}::int[]))
        and s.provider <> all (${texts(scope.pausedProviders)}::text[])
        and exists (select 1 from workers w where w.lease_until > clock_timestamp() and w.started_at < lately.at)
        and not exists (select 1 from provider_budgets b where b.provider = s.provider and b.ban_until > lately.at)
        and s.provider not in (select p.provider from backfill_state_persistent m join series p using (series_id)
          where greatest(m.heartbeat_at, m.completed_at) > lately.at)
      order by e.not_before`,
  );
  for (const row of rows) faults.add(row);
  return faults.finding(RULE, {
    sound: 'what is due is taken',
    broken: 'executions are due, and nothing of their provider moves',
  });
}
