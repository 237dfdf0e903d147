import { waitUntil } from '@candlefleet/testing';
import type { FleetProcess } from './processes.js';
import type { Stage } from './stage.js';

/** The fleet as its warehouse tells it. */
export interface Glance {
  /** Candles stored, by the count that each chunk keeps. */
  readonly stored: number;
  readonly inProgress: number;
  /** In progress, and their worker's lease ran out. */
  readonly orphans: number;
  readonly unfinished: number;
}

export async function glance({ db }: Stage): Promise<Glance> {
  const [row] = await db.run(
    'glance',
    (sql) => sql<Glance[]>`
      select (select coalesce(sum(candle_count), 0) from series_coverage)::float8 as stored,
        count(*) filter (where e.status = 'in_progress')::int as "inProgress",
        count(*) filter (where e.status = 'in_progress' and not coalesce(w.lease_until > clock_timestamp(), false))::int
          as orphans,
        count(*)::int as unfinished
      from backfill_state_persistent e left join workers w using (worker_id)
      where e.status in ('pending', 'in_progress')`,
  );
  return row ?? { stored: 0, inProgress: 0, orphans: 0, unfinished: 0 };
}

/** Executions that a process holds. */
export async function heldBy({ db }: Stage, one: FleetProcess): Promise<number> {
  const [row] = await db.run(
    'held by',
    (sql) => sql<{ held: number }[]>`
      select count(*)::int as held from backfill_state_persistent e join workers w using (worker_id)
      where e.status = 'in_progress' and w.pid = ${one.pid}`,
  );
  return row?.held ?? 0;
}

/** Waits until something is under way; answers how much. */
export async function someWork(stage: Stage): Promise<number> {
  return waitUntil('work in progress', async () => (await glance(stage)).inProgress, 60_000);
}

/** Waits for a worker that has something in hand. */
export async function busyWorker(stage: Stage): Promise<FleetProcess> {
  return waitUntil(
    'a worker with something in hand',
    async () => {
      for (const one of stage.processes.of('worker'))
        if (one.isUp && (await heldBy(stage, one)) > 0) return one;
      return undefined;
    },
    60_000,
  );
}

/**
 * Waits until the fleet stores candles again, holds no orphan, and everything that was in progress has got on or came to
 * its end. Answers how long that took, in milliseconds.
 */
export async function recovery(stage: Stage, deadlineMs: number): Promise<number> {
  const at = performance.now();
  const before = await waitUntil(
    'the warehouse to answer',
    () => look(stage).catch(() => undefined),
    deadlineMs,
  );
  let left = 'the warehouse does not answer';
  const goesOn = async () => {
    const now = await glance(stage);
    const still = await stillOf(stage, before.ids, before.now);
    left =
      now.stored > before.stored
        ? `${now.orphans} orphans; standing still: ${still.join(', ')}`
        : 'nothing was stored';
    return now.stored > before.stored && now.orphans === 0 && still.length === 0;
  };
  await waitUntil('the fleet to go on', () => goesOn().catch(() => false), deadlineMs).catch(
    (error: unknown) => {
      throw new Error(`the fleet did not go on: ${left}`, { cause: error });
    },
  );
  return performance.now() - at;
}

async function look(stage: Stage): Promise<Glance & { now: string; ids: string[] }> {
  const [row] = await stage.db.run(
    'in progress now',
    (sql) => sql<{ now: string; ids: string[] }[]>`
      select clock_timestamp()::text as now, coalesce(array_agg(execution_id::text), '{}') as ids
      from backfill_state_persistent where status = 'in_progress'`,
  );
  return { ...(await glance(stage)), now: row?.now ?? '', ids: row?.ids ?? [] };
}

/** Of these executions, those that nothing has happened to since; each by its id and who holds it. */
async function stillOf({ db }: Stage, ids: readonly string[], since: string): Promise<string[]> {
  const rows = await db.run(
    'standing still',
    (sql) => sql<{ executionId: string; pid: number | null }[]>`
      select e.execution_id as "executionId", w.pid
      from backfill_state_persistent e left join workers w using (worker_id)
      where e.execution_id = any(${`{${ids.join(',')}}`}::uuid[]) and e.status = 'in_progress'
        and greatest(e.started_at, e.heartbeat_at) < ${since}::timestamptz`,
  );
  return rows.map((one) => `${one.executionId} (pid ${one.pid ?? 'unknown'})`);
}
