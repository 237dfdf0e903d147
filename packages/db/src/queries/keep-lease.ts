import type { Database } from '../connect.js';
import { uuids, texts } from '../literals.js';

export interface Lease {
  readonly workerId: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly leaseMs: number;
  /** Every execution from before its claim is sent until its last statement was answered. */
  readonly held: readonly string[];
  /** What the last renewal answered, before `held` was looked at; absent when nothing was claimed yet. */
  readonly claimedBeforeMs?: number | undefined;
  readonly queues: readonly string[];
  readonly load: Record<string, number>;
}

/** Renews a worker's lease and hands back what it works on no longer (T9). Answers the database's clock. */
export async function renewLease(db: Database, lease: Lease): Promise<{ nowMs: number; released: string[] }> {
  const [row] = await db.run(
    'renew lease',
    (sql) => sql<{ now: number; released: string[] }[]>`
      select now_ms as now, released::text[] as released from renew_lease(${lease.workerId}::uuid, ${lease.host}, ${lease.pid},
        ${lease.version}, ${lease.leaseMs}, ${uuids(lease.held)}::uuid[], ${texts(lease.queues)}::text[],
        ${JSON.stringify(lease.load)}::text::jsonb, ${lease.claimedBeforeMs ?? null}::float8)`,
  );
  return { nowMs: row?.now ?? Number.NaN, released: row?.released ?? [] };
}

/** A process that ends cleanly gives its lease up. */
export async function endLease(db: Database, workerId: string): Promise<void> {
  await db.run('end lease', (sql) => sql`select end_lease(${workerId}::uuid)`);
}
