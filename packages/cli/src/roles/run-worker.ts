import { systemClock } from '@candlefleet/core';
import { createBudget } from '@candlefleet/db';
import { providerTraits } from '@candlefleet/providers';
import { startWorker } from '@candlefleet/worker';
import { migrateWarehouse, openQueues, openWarehouse, sourceOpener, VERSION } from '../connect-fleet.js';
import type { Settings } from '../environment.js';
import { runRole } from './run-role.js';
import { warnOfConnections } from './warn-of-connections.js';
import { whenReachable } from './when-reachable.js';

export function runWorker(settings: Settings): Promise<void> {
  return runRole(settings, 'worker', async (log, signal) => {
    await whenReachable(() => migrateWarehouse(settings), log, signal);
    const db = openWarehouse(settings, 'worker', 6);
    const queues = await openQueues(settings, 'worker', log, signal);
    // Beside the pool: the lease.
    const role = { beside: 1, consumes: true };
    await whenReachable(() => warnOfConnections({ db, queues, log }, role), log, signal);
    const worker = await startWorker({
      db,
      queues,
      log,
      budget: createBudget(db, settings.egressGroup),
      traitsOf: providerTraits,
      openSource: sourceOpener(settings, db),
      version: VERSION,
      concurrency: settings.workerConcurrency,
      queueNames: settings.workerQueues,
      timings: { leaseMs: settings.leaseMs, renewMs: settings.leaseMs / 3, lockMs: settings.leaseMs },
      clock: systemClock,
    });
    return {
      ready: { workerId: worker.workerId },
      async close(deadlineMs) {
        await worker.close({ deadlineMs });
        await queues.close({ deadlineMs });
        await db.close();
      },
    };
  });
}
