import { systemClock } from '@candlefleet/core';
import { createBudget } from '@candlefleet/db';
import { providerTraits } from '@candlefleet/providers';
import { keepHeapSmall, startWorker } from '@candlefleet/worker';
import { sourceOpener, VERSION } from '../connect-fleet.js';
import type { Settings } from '../environment.js';
import { openStores } from './open-stores.js';
import { runRole } from './run-role.js';

export function runWorker(settings: Settings): Promise<void> {
  keepHeapSmall();
  return runRole(settings, 'worker', async (start) => {
    const stores = await openStores('worker', start);
    const { db, queues } = stores;
    const { leaseMs, progressMs } = settings;
    const worker = await startWorker({
      db,
      queues,
      log: start.log,
      budget: createBudget(db, settings.egressGroup),
      traitsOf: providerTraits,
      openSource: sourceOpener(settings, db),
      version: VERSION,
      concurrency: settings.workerConcurrency,
      queueNames: settings.workerQueues,
      timings: { leaseMs, renewMs: leaseMs / 3, lockMs: leaseMs, progressMs },
      storesAnswerSince: () => stores.answerSince(),
      clock: systemClock,
    });
    start.health.watch('healthz', worker.progress);
    return {
      ready: { workerId: worker.workerId },
      async close(deadlineMs) {
        await worker.close({ deadlineMs });
        await stores.close(deadlineMs);
      },
    };
  });
}
