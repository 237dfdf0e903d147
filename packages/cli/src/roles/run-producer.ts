import { providerTraits } from '@candlefleet/providers';
import { startProducer } from '@candlefleet/producer';
import { migrateWarehouse, openQueues, openWarehouse } from '../connect-fleet.js';
import type { Settings } from '../environment.js';
import { runRole } from './run-role.js';
import { warnOfConnections } from './warn-of-connections.js';
import { whenReachable } from './when-reachable.js';

export function runProducer(settings: Settings): Promise<void> {
  return runRole(settings, 'producer', async (log, signal) => {
    await whenReachable(() => migrateWarehouse(settings), log, signal);
    const db = openWarehouse(settings, 'producer', 4);
    const queues = await openQueues(settings, 'producer', log, signal);
    // Beside the pool: the leader's session, and its LISTEN.
    const role = { beside: 2, consumes: false };
    await whenReachable(() => warnOfConnections({ db, queues, log }, role), log, signal);
    const { upkeepMs, syncMs } = settings;
    const timings = { planMs: upkeepMs, relayMs: upkeepMs, reapMs: upkeepMs, syncMs };
    const producer = startProducer({ db, queues, traitsOf: providerTraits, timings, log });
    return {
      async close(deadlineMs) {
        await producer.close();
        await queues.close({ deadlineMs });
        await db.close();
      },
    };
  });
}
