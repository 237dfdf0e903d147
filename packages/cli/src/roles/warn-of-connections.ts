import { listProviders, readConnectionRoom, type Database } from '@candlefleet/db';
import type { QueueConnection } from '@candlefleet/queue';
import type { Logger } from 'pino';
import { connectionsOf, type StoreRole } from './connections.js';

/** One line at the start when Postgres may run out of connections while this role is at work. */
export async function warnOfConnections(
  { db, queues, log }: { db: Database; queues: Pick<QueueConnection, 'backend'>; log: Logger },
  role: StoreRole,
): Promise<void> {
  // One queue a provider, and that of the upkeep.
  const needed = connectionsOf(role, queues.backend, (await listProviders(db)).length + 1);
  const { most, inUse } = await readConnectionRoom(db);
  if (needed <= most - inUse) return;
  log.warn(
    { needed, inUse, most },
    `Postgres has ${most} connections, ${inUse} are in use, and this process may need ${needed}: raise max_connections, or run fewer processes`,
  );
}
