import { newExecutionId, type Range } from '@candlefleet/core';
import type { Database } from '../connect.js';
import { parseRanges } from '../literals.js';

export interface RunRequest {
  readonly seriesId: number;
  readonly range: Range;
  readonly requestedBy: string;
  readonly candlesEstimated: number;
  readonly requestsEstimated: number;
}

/** Records that a person wants a stretch; the planner cuts what of it is missing. Answers the run's id. */
export async function startRun(db: Database, run: RunRequest): Promise<string> {
  const runId = newExecutionId();
  await db.run(
    'start run',
    (
      sql,
    ) => sql`select start_run(${runId}::uuid, ${run.seriesId}, ${run.range.fromMs}, ${run.range.toMs}, ${run.requestedBy},
      ${run.candlesEstimated}, ${run.requestsEstimated})`,
  );
  return runId;
}

export interface OpenRun {
  readonly runId: string;
  readonly seriesId: number;
  readonly range: Range;
  /** Missing in the run's range and within what is wanted. */
  readonly missing: Range[];
  /** Its executions that a person cancelled or that failed for good: the run ends when only these are left. */
  readonly setAside: number;
  readonly unfinished: number;
}

interface Row {
  runId: string;
  seriesId: number;
  fromMs: number;
  toMs: number;
  missing: unknown;
  setAside: number;
  unfinished: number;
}

const SELECT_RUN = (sql: Database['sql']) => sql`
  select r.run_id as "runId", r.series_id as "seriesId", to_ms(lower(r.range)) as "fromMs", to_ms(upper(r.range)) as "toMs",
    ranges_to_ms(tstzmultirange(r.range) * tstzmultirange(tstzrange(t.wanted_from, t.wanted_to)) - settled_of(c)) as missing,
    coalesce(a.unfinished, 0)::int as unfinished, coalesce(a.set_aside, 0)::int as "setAside"
  from backfill_runs r
  left join tracked_series t on t.series_id = r.series_id
  left join series_coverage c on c.series_id = r.series_id
  left join lateral (
    select count(*) filter (where e.status in ('pending', 'in_progress')) as unfinished,
      count(*) filter (where (e.status = 'failed' and e.replan_after > clock_timestamp()) or e.cancel_stands) as set_aside
    from backfill_state_persistent e where e.series_id = r.series_id and e.range && r.range
      and (e.status in ('pending', 'in_progress', 'failed') or e.cancel_stands)
  ) a on true`;

/** Runs that still want something. */
export async function listOpenRuns(db: Database): Promise<OpenRun[]> {
  const rows = await db.run(
    'list runs',
    (sql) => sql<Row[]>`${SELECT_RUN(sql)} where r.ended_at is null order by r.created_at`,
  );
  return rows.map(toRun);
}

export async function readRun(db: Database, runId: string): Promise<OpenRun | undefined> {
  const rows = await db.run(
    'read run',
    (sql) => sql<Row[]>`${SELECT_RUN(sql)} where r.run_id = ${runId}::uuid`,
  );
  return rows[0] && toRun(rows[0]);
}

export async function endRun(db: Database, runId: string): Promise<void> {
  await db.run(
    'end run',
    (sql) =>
      sql`update backfill_runs set ended_at = clock_timestamp() where run_id = ${runId}::uuid and ended_at is null`,
  );
}

function toRun(row: Row): OpenRun {
  const { runId, seriesId, setAside, unfinished } = row;
  const range = { fromMs: row.fromMs, toMs: row.toMs };
  return { runId, seriesId, range, missing: parseRanges(row.missing), setAside, unfinished };
}
