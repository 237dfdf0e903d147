import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  date,
  index,
  integer,
  pgTable,
  primaryKey,
  text,
  uuid,
} from 'drizzle-orm/pg-core';
import { createdAt, instant, tstzmultirange, tstzrange, updatedAt } from './columns.js';
import { series } from './watchlist.js';

/** One execution a row. Who may change its status, and when: docs/execution-states.md. */
export const executions = pgTable(
  'backfill_state_persistent',
  {
    executionId: uuid('execution_id').primaryKey(),
    seriesId: integer('series_id').notNull(),
    symbol: text('symbol').notNull(),
    assetClass: text('asset_class').notNull(),
    timeframe: text('timeframe').notNull(),
    kind: text('kind').notNull(),
    runId: uuid('run_id'),
    /** The scheduled instant that a tail serves. */
    slot: instant('slot'),
    range: tstzrange('range').notNull(),
    /** What of the range is still to be read again although it is covered. */
    reread: tstzmultirange('reread').notNull().default('{}'),
    status: text('status').notNull().default('pending'),
    pendingReason: text('pending_reason'),
    notBefore: instant('not_before')
      .notNull()
      .default(sql`clock_timestamp()`),
    outcome: text('outcome'),
    jobId: text('job_id').notNull(),
    workerId: uuid('worker_id'),
    fence: bigint('fence', { mode: 'number' }).notNull().default(0),
    tries: integer('tries').notNull().default(0),
    crashes: integer('crashes').notNull().default(0),
    heartbeatAt: instant('heartbeat_at'),
    startedAt: instant('started_at'),
    completedAt: instant('completed_at'),
    recordsInserted: integer('records_inserted').notNull().default(0),
    recordsUpdated: integer('records_updated').notNull().default(0),
    recordsRejected: integer('records_rejected').notNull().default(0),
    requests: integer('requests').notNull().default(0),
    retryCount: integer('retry_count').notNull().default(0),
    maxRetries: integer('max_retries').notNull(),
    lastRetryAt: instant('last_retry_at'),
    errorCode: text('error_code'),
    errorMessage: text('error_message'),
    /** Until then the planner leaves a failed stretch alone. */
    replanAfter: instant('replan_after'),
    /** A person cancelled this stretch, and nobody has asked for it since. */
    cancelStands: boolean('cancel_stands').notNull().default(false),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [
    check('bsp_status', sql`${t.status} in ('pending', 'in_progress', 'completed', 'failed', 'cancelled')`),
    check('bsp_kind', sql`${t.kind} in ('tail', 'history', 'manual', 'repair')`),
    check(
      'bsp_range',
      sql`not isempty(${t.range}) and not lower_inf(${t.range}) and not upper_inf(${t.range})`,
    ),
    check('bsp_slot', sql`(${t.kind} = 'tail') = (${t.slot} is not null)`),
    check('bsp_worker', sql`(${t.status} = 'in_progress') = (${t.workerId} is not null)`),
    check('bsp_pending', sql`(${t.status} = 'pending') = (${t.pendingReason} is not null)`),
    check(
      'bsp_started',
      sql`${t.status} <> 'in_progress' or (${t.startedAt} is not null and ${t.fence} > 0)`,
    ),
    check(
      'bsp_ended',
      sql`(${t.status} in ('completed', 'failed', 'cancelled')) = (${t.completedAt} is not null)`,
    ),
    check(
      'bsp_outcome',
      sql`(${t.status} = 'completed') = (${t.outcome} is not null) and coalesce(${t.outcome} in ('stored', 'nothing_missing'), true)`,
    ),
    check('bsp_failed', sql`${t.status} <> 'failed' or ${t.errorCode} is not null`),
    check('bsp_cancel_stands', sql`not ${t.cancelStands} or ${t.status} = 'cancelled'`),
    index('bsp_pending_due')
      .on(t.notBefore)
      .where(sql`${t.status} = 'pending'`),
    index('bsp_in_progress_worker')
      .on(t.workerId)
      .where(sql`${t.workerId} is not null`),
    index('bsp_unfinished_series')
      .on(t.seriesId)
      .where(sql`${t.status} in ('pending', 'in_progress')`),
    index('bsp_set_aside')
      .on(t.seriesId)
      .where(sql`${t.status} = 'failed' or ${t.cancelStands}`),
    index('bsp_ended_at')
      .on(t.status, t.completedAt)
      .where(sql`${t.completedAt} is not null`),
    index('bsp_run')
      .on(t.runId)
      .where(sql`${t.runId} is not null`),
  ],
);

/** One row per attempt that did not complete its execution. */
export const executionAttempts = pgTable(
  'execution_attempts',
  {
    executionId: uuid('execution_id')
      .notNull()
      .references(() => executions.executionId, { onDelete: 'cascade' }),
    fence: bigint('fence', { mode: 'number' }).notNull(),
    workerId: uuid('worker_id').notNull(),
    startedAt: instant('started_at').notNull(),
    endedAt: instant('ended_at')
      .notNull()
      .default(sql`clock_timestamp()`),
    outcome: text('outcome').notNull(),
    errorCode: text('error_code'),
    errorMessage: text('error_message'),
    createdAt: createdAt(),
  },
  (t) => [
    primaryKey({ columns: [t.executionId, t.fence] }),
    check(
      'execution_attempts_outcome',
      sql`${t.outcome} in ('failed', 'handed_back', 'lost', 'released', 'cancelled')`,
    ),
  ],
);

/** Totals per series and day of the executions that retention has removed. */
export const seriesActivity = pgTable(
  'series_activity',
  {
    seriesId: integer('series_id').notNull(),
    day: date('day').notNull(),
    completed: integer('completed').notNull().default(0),
    failed: integer('failed').notNull().default(0),
    cancelled: integer('cancelled').notNull().default(0),
    stored: bigint('stored', { mode: 'number' }).notNull().default(0),
    updated: bigint('updated', { mode: 'number' }).notNull().default(0),
    rejected: bigint('rejected', { mode: 'number' }).notNull().default(0),
    requests: bigint('requests', { mode: 'number' }).notNull().default(0),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [primaryKey({ columns: [t.seriesId, t.day] })],
);

/** A backfill that a person asked for. Its state is derived from coverage. */
export const backfillRuns = pgTable('backfill_runs', {
  runId: uuid('run_id').primaryKey(),
  seriesId: integer('series_id')
    .notNull()
    .references(() => series.seriesId),
  range: tstzrange('range').notNull(),
  requestedBy: text('requested_by').notNull(),
  candlesEstimated: integer('candles_estimated').notNull(),
  requestsEstimated: integer('requests_estimated').notNull(),
  /** Set once everything in the range is settled, or nobody will fetch it any more. */
  endedAt: instant('ended_at'),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
});

/** Consecutive failed executions of a series, reset by its success. */
export const symbolFailureTracking = pgTable(
  'symbol_failure_tracking',
  {
    seriesId: integer('series_id')
      .primaryKey()
      .references(() => series.seriesId, { onDelete: 'cascade' }),
    provider: text('provider').notNull(),
    symbol: text('symbol').notNull(),
    streak: integer('streak').notNull().default(0),
    lastFailureAt: instant('last_failure_at'),
    /** The success that ended the latest streak; other successes are told by the executions. */
    lastSuccessAt: instant('last_success_at'),
    errorCode: text('error_code'),
    errorMessage: text('error_message'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [index('symbol_failure_tracking_symbol').on(t.provider, t.symbol)],
);
