import { listProviders, readConnectionRoom, type Database } from '@candlefleet/db';
import type { QueueConnection } from '@candlefleet/queue';
import type { Logger } from 'pino';

/** One line at the start when Postgres may run out of connections while this role is at work. */
export async function warnOfConnections(
  { db, queues, log }: { db: Database; queues: QueueConnection; log: Logger },
  /** Connections that the role has beside the pool and the queues, and whether it consumes these. */
  role: { beside: number; consumes: boolean },
): Promise<void> {
  // One queue a provider, and that of the upkeep.
  const open = (await listProviders(db)).length + 1;
  const needed =
    db.poolSize + role.beside + queues.connectionsOf({ queues: open, workers: role.consumes ? open : 0 });
  const { most, inUse } = await readConnectionRoom(db);
  if (needed <= most - inUse) return;
  log.warn(
    { needed, inUse, most },
    `Postgres has ${most} connections, ${inUse} are in use, and this process may need ${needed}: raise max_connections, or run fewer processes`,
  );
}
