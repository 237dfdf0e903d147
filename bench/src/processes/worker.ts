import { systemClock } from '@candlefleet/core';
import { connectDatabase, createBudget, createMarketCache } from '@candlefleet/db';
import { openSource, providerTraits } from '@candlefleet/providers';
import { connectQueues } from '@candlefleet/queue';
import { startWorker } from '@candlefleet/worker';
import { pino } from 'pino';

/** The budget is asked for every request, and never the limit. */
const LIMITS = { replay: 10_000_000 };
const CLOSE = { deadlineMs: 10_000 };

interface Place {
  readonly databaseUrl: string;
  readonly redisUrl?: string;
  readonly namespace: string;
  readonly replayUrl: string;
}

/** A worker as the command line starts it, but with plenty of budget; ends with its parent. */
async function main({ databaseUrl, redisUrl, namespace, replayUrl }: Place): Promise<void> {
  const log = pino({ level: 'warn' }, process.stderr);
  const applicationName = 'bench worker';
  const db = connectDatabase({ url: databaseUrl, applicationName, poolSize: 6 });
  const queues = await connectQueues({ redisUrl, databaseUrl, namespace, applicationName, log });
  const worker = await startWorker({
    db,
    queues,
    log,
    budget: createBudget(db, 'default'),
    traitsOf: (provider) => providerTraits(provider, LIMITS),
    openSource: (provider, gate) =>
      openSource(provider, { gate, markets: createMarketCache(db), baseUrl: replayUrl, limits: LIMITS }),
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

await main(JSON.parse(process.argv[2] ?? '{}'));
