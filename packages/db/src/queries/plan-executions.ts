import {
  BACKFILL_RETRY,
  newExecutionId,
  type ExecutionKind,
  type Range,
  type Timeframe,
} from '@candlefleet/core';
import type { Database } from '../connect.js';
import { numbers, uuids } from '../literals.js';

export interface Plan {
  readonly seriesId: number;
  readonly kind: Extract<ExecutionKind, 'history' | 'manual'>;
  readonly runId?: string | undefined;
  readonly slices: readonly Range[];
}

/** T1: writes pending rows for slices that nothing else has. Answers the ids of those written. */
export async function planExecutions(db: Database, plan: Plan): Promise<string[]> {
  const rows = await db.run(
    'plan executions',
    (sql) => sql<{ id: string }[]>`
      select execution_id::text as id from plan_executions(${plan.seriesId}, ${plan.kind}, ${plan.runId ?? null}::uuid,
        ${uuids(plan.slices.map(() => newExecutionId()))}::uuid[], ${numbers(plan.slices.map((s) => s.fromMs))}::float8[],
        ${numbers(plan.slices.map((s) => s.toMs))}::float8[], ${BACKFILL_RETRY.maxTries})`,
  );
  return rows.map((row) => row.id);
}

export interface DueExecution {
  readonly executionId: string;
  readonly seriesId: number;
  readonly provider: string;
  readonly symbol: string;
  readonly timeframe: Timeframe;
  readonly calendar: string;
  readonly kind: ExecutionKind;
  readonly slotMs: number | null;
}

/** Pending rows that have been due for `graceMs`: each must have an unfinished job (the relay sees to it). */
export async function listDueExecutions(
  db: Database,
  page: { graceMs: number; afterId?: string | undefined; limit: number },
): Promise<DueExecution[]> {
  return db.run(
    'list due executions',
    (sql) => sql<DueExecution[]>`
      select e.execution_id as "executionId", e.series_id as "seriesId", t.provider, t.symbol, t.timeframe, t.calendar, e.kind,
        to_ms(e.slot) as "slotMs"
      from backfill_state_persistent e join tracked_series t using (series_id)
      where e.status = 'pending' and e.not_before <= clock_timestamp() - ${page.graceMs} * interval '1 millisecond'
        and e.execution_id > ${page.afterId ?? '00000000-0000-0000-0000-000000000000'}::uuid
      order by e.execution_id limit ${page.limit}`,
  );
}
