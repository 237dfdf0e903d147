import type { ExecutionKind, ExecutionStatus } from '@candlefleet/core';
import type { Database } from '../connect.js';
import { texts } from '../literals.js';

export interface ExecutionRow {
  readonly executionId: string;
  readonly provider: string;
  readonly symbol: string;
  readonly timeframe: string;
  readonly kind: ExecutionKind;
  readonly status: ExecutionStatus;
  readonly outcome: string | null;
  readonly pendingReason: string | null;
  readonly notBeforeMs: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly runId: string | null;
  readonly workerId: string | null;
  readonly fence: number;
  readonly tries: number;
  readonly crashes: number;
  readonly retryCount: number;
  readonly maxRetries: number;
  readonly startedMs: number | null;
  readonly heartbeatMs: number | null;
  readonly completedMs: number | null;
  readonly recordsInserted: number;
  readonly recordsUpdated: number;
  readonly recordsRejected: number;
  readonly requests: number;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly createdMs: number;
}

const SELECT = (sql: Database['sql']) => sql`
  select e.execution_id as "executionId", s.provider, s.symbol, s.timeframe, e.kind, e.status, e.outcome,
    e.pending_reason as "pendingReason", to_ms(e.not_before) as "notBeforeMs", to_ms(lower(e.range)) as "fromMs",
    to_ms(upper(e.range)) as "toMs", e.run_id as "runId", e.worker_id as "workerId", e.fence::float8 as fence, e.tries,
    e.crashes, e.retry_count as "retryCount", e.max_retries as "maxRetries", to_ms(e.started_at) as "startedMs",
    to_ms(e.heartbeat_at) as "heartbeatMs", to_ms(e.completed_at) as "completedMs",
    e.records_inserted as "recordsInserted", e.records_updated as "recordsUpdated",
    e.records_rejected as "recordsRejected", e.requests, e.error_code as "errorCode", e.error_message as "errorMessage",
    to_ms(e.created_at) as "createdMs"
  from backfill_state_persistent e join series s using (series_id)`;

export interface ExecutionPage {
  /** Absent: every status. */
  readonly statuses?: readonly ExecutionStatus[] | undefined;
  readonly limit: number;
  /** The last one of the page before: pages go from the newest to the oldest. */
  readonly before?: { readonly createdMs: number; readonly executionId: string } | undefined;
}

/** Executions, the newest first, paged by (created_at, id). */
export async function listExecutions(db: Database, page: ExecutionPage): Promise<ExecutionRow[]> {
  const { before } = page;
  return db.run(
    'list executions',
    (sql) => sql<ExecutionRow[]>`
      ${SELECT(sql)}
      where (${page.statuses === undefined} or e.status = any(${texts(page.statuses ?? [])}::text[]))
        and (${before === undefined} or (to_ms(e.created_at), e.execution_id) <
          (${before?.createdMs ?? 0}::float8, ${before?.executionId ?? '00000000-0000-0000-0000-000000000000'}::uuid))
      order by to_ms(e.created_at) desc, e.execution_id desc limit ${page.limit}`,
  );
}

export async function readExecution(db: Database, executionId: string): Promise<ExecutionRow | undefined> {
  const rows = await db.run(
    'read execution',
    (sql) => sql<ExecutionRow[]>`${SELECT(sql)} where e.execution_id = ${executionId}::uuid`,
  );
  return rows[0];
}

export interface AttemptRow {
  readonly fence: number;
  readonly workerId: string;
  readonly startedMs: number;
  readonly endedMs: number;
  readonly outcome: string;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
}

/** The attempts that did not complete the execution, in order. */
export async function listAttempts(db: Database, executionId: string): Promise<AttemptRow[]> {
  return db.run(
    'list attempts',
    (sql) => sql<AttemptRow[]>`
      select fence::float8 as fence, worker_id as "workerId", to_ms(started_at) as "startedMs", to_ms(ended_at) as "endedMs",
        outcome, error_code as "errorCode", error_message as "errorMessage"
      from execution_attempts where execution_id = ${executionId}::uuid order by fence`,
  );
}
