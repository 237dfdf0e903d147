import type { Database } from '../connect.js';

export interface WorkerFacts {
  readonly workerId: string;
  readonly host: string;
  readonly version: string;
  readonly startedMs: number;
  readonly isAlive: boolean;
  readonly held: number;
}

export interface FleetFacts {
  readonly nowMs: number;
  readonly pending: number;
  readonly inProgress: number;
  readonly failed: number;
  readonly workers: readonly WorkerFacts[];
}

/** The fleet at a glance: executions by state, and the workers whose lease lives or ended lately. */
export async function readFleetFacts(db: Database): Promise<FleetFacts> {
  const [counts] = await db.run(
    'count executions',
    (sql) => sql<{ nowMs: number; pending: number; inProgress: number; failed: number }[]>`
      select to_ms(clock_timestamp()) as "nowMs",
        (select count(*) from backfill_state_persistent where status = 'pending')::int as pending,
        (select count(*) from backfill_state_persistent where status = 'in_progress')::int as "inProgress",
        (select count(*) from backfill_state_persistent where status = 'failed')::int as failed`,
  );
  const workers = await db.run(
    'list workers',
    (sql) => sql<WorkerFacts[]>`
      select worker_id as "workerId", host, version, to_ms(started_at) as "startedMs",
        lease_until > clock_timestamp() as "isAlive", coalesce((load ->> 'held')::int, 0) as held
      from workers where lease_until > clock_timestamp() - interval '5 minutes' order by started_at`,
  );
  return { nowMs: 0, pending: 0, inProgress: 0, failed: 0, ...counts, workers };
}
