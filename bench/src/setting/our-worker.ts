import { systemClock } from '@candlefleet/core';
import { connectDatabase, createBudget } from '@candlefleet/db';
import type { QueueConnection } from '@candlefleet/queue';
import { startWorker } from '@candlefleet/worker';
import { pino } from 'pino';
import { createInstantSource, TAIL_TRAITS } from './tail-jobs.js';

/** The worker as it is, with a source that answers from memory. */
export async function startOurWorker(databaseUrl: string, queues: QueueConnection, concurrency: number) {
  const db = connectDatabase({ url: databaseUrl, applicationName: 'bench worker', poolSize: 6 });
  const worker = await startWorker({
    db,
    queues,
    log: pino({ level: 'silent' }),
    budget: createBudget(db, 'default'),
    traitsOf: () => TAIL_TRAITS,
    openSource: async () => createInstantSource(),
    version: 'bench',
    concurrency,
    clock: systemClock,
  });
  return {
    async close() {
      await worker.close({ deadlineMs: 10_000 });
      await db.close();
    },
  };
}
