import { systemClock } from '@candlefleet/core';
import { connectDatabase, createBudget, createMarketCache } from '@candlefleet/db';
import { openSource, providerTraits } from '@candlefleet/providers';
import { connectQueues } from '@candlefleet/queue';
import { keepHeapSmall, startWorker } from '@candlefleet/worker';
import { pino } from 'pino';

/** The budget is asked for every request, and is the limit only where a benchmark says so. */
const PLENTY = 10_000_000;
const CLOSE = { deadlineMs: 10_000 };

export interface WorkerSpec {
  readonly databaseUrl: string;
  readonly redisUrl?: string | undefined;
  readonly namespace: string;
  readonly replayUrl: string;
  /** Of the provider, a minute. */
  readonly weightLimit?: number | undefined;
}

/** A worker as the command line starts it; ends with its parent. */
async function main(spec: WorkerSpec): Promise<void> {
  keepHeapSmall();
  const { databaseUrl, redisUrl, namespace, replayUrl } = spec;
  const limits = { replay: spec.weightLimit ?? PLENTY };
  const log = pino({ level: 'warn' }, process.stderr);
  const applicationName = 'bench worker';
  const db = connectDatabase({ url: databaseUrl, applicationName, poolSize: 6 });
  const queues = await connectQueues({ redisUrl, databaseUrl, namespace, applicationName, log });
  const worker = await startWorker({
    db,
    queues,
    log,
    budget: createBudget(db, 'default'),
    traitsOf: (provider) => providerTraits(provider, limits),
    openSource: (provider, gate) =>
      openSource(provider, { gate, markets: createMarketCache(db), baseUrl: replayUrl, limits }),
    version: 'bench',
    concurrency: 16,
    clock: systemClock,
  });
  process.on('disconnect', async () => {
    await worker.close(CLOSE);
    await queues.close(CLOSE);
    await db.close();
    process.exit(0);
  });
  process.send?.({ workerId: worker.workerId });
}

process.once('message', (spec: WorkerSpec) => void main(spec));
