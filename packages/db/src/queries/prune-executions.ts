import type { Database } from '../connect.js';
import { texts } from '../literals.js';

/** DESIGN §7: the record of the work would otherwise outgrow the candles tenfold. */
const RETENTION = { tailHours: 24, completedDays: 30, setAsideDays: 180, workerDays: 7 };

/** One batch of retention; 0 when nothing is left to remove. A paused queue may still hold jobs: its rows stay. */
export async function pruneExecutions(
  db: Database,
  options: { batch: number; pausedProviders: readonly string[] },
): Promise<number> {
  const [row] = await db.run(
    'prune executions',
    (sql) => sql<{ count: number }[]>`
      select prune_executions(${options.batch}, ${RETENTION.tailHours}, ${RETENTION.completedDays},
        ${RETENTION.setAsideDays}, ${texts(options.pausedProviders)}::text[]) as count`,
  );
  return row?.count ?? 0;
}

/** Removes processes that have been gone for a week and hold nothing. */
export async function pruneWorkers(db: Database): Promise<void> {
  await db.run(
    'prune workers',
    (sql) => sql`
      delete from workers w where lease_until < clock_timestamp() - ${RETENTION.workerDays} * interval '1 day'
        and not exists (select 1 from backfill_state_persistent e where e.worker_id = w.worker_id and e.status = 'in_progress')`,
  );
}
