import type { Database } from '../connect.js';
import { uuids } from '../literals.js';

interface Changed {
  ids: string[];
}

/** T10: failed → pending, by a person, before the queue is told. Answers those that were failed. */
export async function retryExecutions(
  db: Database,
  executionIds: readonly string[],
  actor: string,
): Promise<string[]> {
  const [row] = await db.run(
    'retry executions',
    (sql) => sql<Changed[]>`select retry_executions(${uuids(executionIds)}::uuid[], ${actor})::text[] as ids`,
  );
  return row?.ids ?? [];
}

/** T11: pending and in progress → cancelled, by a person, before the jobs go. Answers those that were. */
export async function cancelExecutions(
  db: Database,
  executionIds: readonly string[],
  actor: string,
): Promise<string[]> {
  const [row] = await db.run(
    'cancel executions',
    (sql) =>
      sql<Changed[]>`select cancel_executions(${uuids(executionIds)}::uuid[], ${actor})::text[] as ids`,
  );
  return row?.ids ?? [];
}
