import type { Database } from '@candlefleet/db';
import { watchStore, type Health, type StoreWatch } from '@candlefleet/health';
import type { QueueConnection } from '@candlefleet/queue';
import type { Logger } from 'pino';
import { migrateFleet, openQueues, openWarehouse } from '../connect-fleet.js';
import type { Settings } from '../environment.js';
import { healthSessionOf, ROLE_CONNECTIONS, type StoreRole } from './connections.js';
import { warnOfConnections } from './warn-of-connections.js';
import { whenReachable } from './when-reachable.js';

/** Where a role keeps what it knows, and what it has to do. */
export interface Stores {
  readonly db: Database;
  readonly queues: QueueConnection;
  /** Since when both answer, by performance.now(); undefined while one does not. */
  answerSince(): number | undefined;
  close(deadlineMs: number): Promise<void>;
}

export interface RoleStart {
  readonly settings: Settings;
  readonly log: Logger;
  /** Ends the wait for a store that is not there. */
  readonly signal: AbortSignal;
  readonly health: Health;
}

/** A silent wire is replaced after this time and a second. */
const PING_DEADLINE_MS = 2_000;

/** Waits for both stores, migrates, and from then on watches that they answer. */
export async function openStores(role: StoreRole, start: RoleStart): Promise<Stores> {
  const { settings, log, signal, health } = start;
  await whenReachable(() => migrateFleet(settings), log, signal);
  const db = openWarehouse(settings, `candlefleet ${role}`, { poolSize: ROLE_CONNECTIONS[role].pool });
  const queues = await openQueues(settings, role, log, signal);
  await whenReachable(() => warnOfConnections({ db, queues, log }, role), log, signal);

  // A pool of its own: a busy one would look like a database that is away.
  const pinged = openWarehouse(settings, healthSessionOf(role), {
    poolSize: 1,
    deadlineMs: PING_DEADLINE_MS,
  });
  const watches: StoreWatch[] = [
    watchStore({
      name: 'Postgres',
      ping: () => pinged.clockMs(),
      remedy: 'Is Postgres up, and does DATABASE_URL reach it from this machine? Nothing is lost meanwhile.',
    }),
  ];
  // Queues in Postgres are in the same one.
  if (queues.backend === 'redis') {
    const remedy = 'Is Redis up, and does REDIS_URL reach it from this machine? Nothing is lost meanwhile.';
    watches.push(watchStore({ name: 'Redis', ping: () => queues.ping(), remedy }));
  }
  for (const watch of watches) health.watch('readyz', watch);
  return {
    db,
    queues,
    answerSince() {
      const since = watches.map((watch) => watch.answersSince);
      return since.includes(undefined) ? undefined : Math.max(...since.map((one) => one ?? 0));
    },
    async close(deadlineMs) {
      for (const watch of watches) watch.close();
      await Promise.all([queues.close({ deadlineMs }), db.close(), pinged.close()]);
    },
  };
}
