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
  const { stored } = await waitUntil(
    'the warehouse to answer',
    () => glance(stage).catch(() => undefined),
    deadlineMs,
  );
  const [was] = await stage.db.run(
    'in progress now',
    (sql) => sql<{ now: string; ids: string[] }[]>`
      select clock_timestamp()::text as now, coalesce(array_agg(execution_id::text), '{}') as ids
      from backfill_state_persistent where status = 'in_progress'`,
  );
  await waitUntil(
    'the fleet to go on',
    async () => {
      const now = await glance(stage);
      return (
        now.stored > stored &&
        now.orphans === 0 &&
        (await countStill(stage, was?.ids ?? [], was?.now ?? '')) === 0
      );
    },
    deadlineMs,
  );
  return performance.now() - at;
}

/** Of these executions, those that nothing has happened to since. */
async function countStill({ db }: Stage, ids: readonly string[], since: string): Promise<number> {
  const [row] = await db.run(
    'count still',
    (sql) => sql<{ still: number }[]>`
      select count(*)::int as still from backfill_state_persistent
      where execution_id = any(${`{${ids.join(',')}}`}::uuid[]) and status = 'in_progress'
        and greatest(started_at, heartbeat_at) < ${since}::timestamptz`,
  );
  return row?.still ?? 0;
}
