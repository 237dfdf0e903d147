import { systemClock, type CandleSource } from '@candlefleet/core';
import { connectDatabase, createBudget, createMarketCache, type Database } from '@candlefleet/db';
import { startProducer } from '@candlefleet/producer';
import {
  openSource,
  providerTraits,
  startReplayServer,
  type FaultPlan,
  type ReplayMarket,
} from '@candlefleet/providers';
import { connectQueues } from '@candlefleet/queue';
import { createTestDatabase, forgetNamespace, testNamespace } from '@candlefleet/testing';
import { startWorker } from '@candlefleet/worker';
import { pino } from 'pino';

/** Producer, worker and replay server in one process, for what is counted and not timed. */
export interface Fleet {
  readonly db: Database;
  /** Requests for candles that the server has seen. */
  pages(): number;
  otherRequests(): number;
  /** How many requests the faults struck. */
  struck(): Promise<number>;
  close(): Promise<void>;
}

const CLOSE = { deadlineMs: 10_000 };

export async function openFleet(options: {
  redisUrl: string | undefined;
  market: ReplayMarket;
  wrapSource: (source: CandleSource) => CandleSource;
  faults?: FaultPlan | undefined;
}): Promise<Fleet> {
  const { redisUrl, market } = options;
  const log = pino({ level: 'warn' }, process.stderr);
  const database = await createTestDatabase();
  const namespace = testNamespace();
  const server = await startReplayServer({ market, faults: options.faults });
  const applicationName = 'bench fleet';
  const db = connectDatabase({ url: database.url, applicationName, poolSize: 6 });
  const queues = await connectQueues({
    redisUrl,
    databaseUrl: database.url,
    namespace,
    applicationName,
    log,
  });
  const producer = startProducer({ db, queues, traitsOf: providerTraits, log });
  const worker = await startWorker({
    db,
    queues,
    log,
    budget: createBudget(db, 'default'),
    traitsOf: providerTraits,
    openSource: async (provider, gate) =>
      options.wrapSource(
        await openSource(provider, { gate, markets: createMarketCache(db), baseUrl: server.url }),
      ),
    version: 'bench',
    concurrency: 16,
    clock: systemClock,
  });
  const pages = () => server.requests.filter((one) => one.path === '/api/v3/klines').length;
  return {
    db,
    pages,
    otherRequests: () => server.requests.length - pages(),
    async struck() {
      const answer = await fetch(`${server.url}/replay/faults`);
      const { struck }: { struck: number[] } = JSON.parse(await answer.text());
      return struck.reduce((total, one) => total + one, 0);
    },
    async close() {
      await producer.close();
      await worker.close(CLOSE);
      await queues.close(CLOSE);
      await db.close();
      await server.close();
      await forgetNamespace(redisUrl, namespace);
      await database.drop();
    },
  };
}
