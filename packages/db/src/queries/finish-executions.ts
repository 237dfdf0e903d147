import { createBatcher } from '../batch.js';
import type { Database } from '../connect.js';
import { DatabaseError } from '../errors.js';
import { numbers, texts, uuids } from '../literals.js';

export interface Finish {
  readonly executionId: string;
  readonly fence: number;
  readonly ending: 'completed' | 'retry' | 'handed_back' | 'failed';
  /** For those that become pending: how long until the next attempt. */
  readonly delayMs?: number | undefined;
  readonly code?: string | undefined;
  readonly message?: string | undefined;
}

export interface FinishAnswer {
  /** `unsettled`: asked for completed, but something of the range is left; nothing was changed. */
  readonly outcome: 'completed' | 'pending' | 'failed' | 'refused' | 'unsettled';
  readonly waitMs: number;
}

interface Row extends FinishAnswer {
  executionId: string;
}

/** T5, T6, T7, naturally batched. @throws DatabaseError, DatabaseSilentError: the outcome may be unknown */
export function createFinisher(db: Database): (finish: Finish) => Promise<FinishAnswer> {
  return createBatcher((finishes) => finishBatch(db, finishes));
}

async function finishBatch(db: Database, finishes: readonly Finish[]): Promise<FinishAnswer[]> {
  const rows = await db.run(
    'finish',
    (sql) => sql<Row[]>`
      select execution_id as "executionId", outcome, wait_ms as "waitMs" from finish_executions(
        ${uuids(finishes.map((f) => f.executionId))}::uuid[], ${numbers(finishes.map((f) => f.fence))}::bigint[],
        ${texts(finishes.map((f) => f.ending))}::text[], ${numbers(finishes.map((f) => f.delayMs ?? 0))}::float8[],
        ${texts(finishes.map((f) => f.code))}::text[], ${texts(finishes.map((f) => f.message))}::text[])`,
  );
  const byId = new Map(rows.map((row) => [row.executionId, row]));
  return finishes.map((finish) => {
    const row = byId.get(finish.executionId);
    if (!row) throw new DatabaseError('finish', new Error('an execution has no answer'));
    return { outcome: row.outcome, waitMs: row.waitMs };
  });
}
