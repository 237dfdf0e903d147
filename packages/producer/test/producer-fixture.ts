import type { ProviderTraits, Timeframe } from '@candlefleet/core';
import {
  connectDatabase,
  findSeries,
  listExecutions,
  listProviders,
  trackSymbol,
  type Database,
  type ExecutionRow,
  type SymbolToTrack,
} from '@candlefleet/db';
import { backfillQueueName, connectQueues, type QueueConnection } from '@candlefleet/queue';
import {
  createTestDatabase,
  forgetNamespace,
  loseQueues,
  loseScheduledJobs,
  testNamespace,
  waitUntil,
  type TestBackend,
} from '@candlefleet/testing';
import { pino } from 'pino';
import { planBackfill } from '../src/plan-backfill.js';
import { relayExecutions } from '../src/relay.js';
import { startProducer, type Producer, type ProducerTimings } from '../src/start-producer.js';
import { syncSchedulers } from '../src/sync-schedulers.js';

export const MINUTE = 60_000;
export const DAY = 1_440 * MINUTE;
export const START = Date.UTC(2024, 0, 1);
export const QUEUE = backfillQueueName('p');
const CLOSE = { deadlineMs: 10_000 };
const HOUR = 3_600_000;

/** Nothing comes round by itself: what happens was asked for. */
const NEVER = { syncMs: HOUR, planMs: HOUR, relayMs: HOUR, reapMs: HOUR, relayGraceMs: 0, leadMs: 50 };

/** The producer's duties, each by hand, over real stores. */
export async function createProducerFixture(backend: TestBackend) {
  const log = pino({ level: 'silent' });
  const database = await createTestDatabase();
  const namespace = testNamespace();
  const db: Database = connectDatabase({ url: database.url, applicationName: 'test', poolSize: 4 });
  const queues = await connectQueues({
    redisUrl: backend.redisUrl,
    databaseUrl: database.url,
    namespace,
    applicationName: 'test',
    log,
  });
  const producers: Producer[] = [];
  const writes: string[] = [];
  let nowMs: number | undefined;
  const counted: QueueConnection = {
    ...queues,
    async upsertScheduler(name, spec) {
      writes.push(`upsert ${spec.id}`);
      await queues.upsertScheduler(name, spec);
    },
    async removeScheduler(name, id) {
      writes.push(`remove ${id}`);
      await queues.removeScheduler(name, id);
    },
  };
  const deps = {
    db,
    queues: counted,
    traitsOf,
    providers: () => listProviders(db),
    now: async () => nowMs ?? db.clockMs(),
    log,
  };

  return {
    db,
    queues,
    /** What the schedulers' queue was told. */
    writes,
    setNow: (at: number) => (nowMs = at),
    queue: (): ReturnType<QueueConnection['queue']> => queues.queue(QUEUE),
    async track(
      symbol: string,
      timeframe: Timeframe = '1m',
      more: Partial<SymbolToTrack> = {},
    ): Promise<number> {
      const entry: SymbolToTrack = {
        provider: 'p',
        symbol,
        assetClass: 'crypto',
        calendar: '24x7',
        timeframes: [timeframe],
        historyFromMs: START,
        ...more,
      };
      await trackSymbol(db, entry, 'test');
      const [series] = await findSeries(db, { provider: entry.provider, symbol, timeframe });
      return series?.seriesId ?? 0;
    },
    sync: () => syncSchedulers(deps),
    plan: () => planBackfill(deps),
    relay: (graceMs = 0) => relayExecutions({ db, queues, log }, graceMs),
    schedulers: async (queue = QUEUE) => [...(await queues.readSchedulers(queue)).values()],
    loseScheduledJobs: (queue = QUEUE) =>
      loseScheduledJobs({ redisUrl: backend.redisUrl, databaseUrl: database.url, namespace, queue }),
    loseQueues: () => loseQueues({ redisUrl: backend.redisUrl, databaseUrl: database.url, namespace }),
    /** Newest planned first. */
    async rows(): Promise<ExecutionRow[]> {
      return (await listExecutions(db, { limit: 1_000 })).sort((a, b) => b.toMs - a.toMs);
    },
    start(timings: Partial<ProducerTimings> = {}): Producer {
      const producer = startProducer({ db, queues, traitsOf, log, timings: { ...NEVER, ...timings } });
      producers.push(producer);
      return producer;
    },
    leads: (...candidates: Producer[]) =>
      waitUntil('one of them to lead', () => candidates.find((producer) => producer.isLeading)),
    async close() {
      await Promise.all(producers.map((producer) => producer.close()));
      await queues.close(CLOSE);
      await db.close();
      await forgetNamespace(backend.redisUrl, namespace);
      await database.drop();
    },
  };
}

export type ProducerFixture = Awaited<ReturnType<typeof createProducerFixture>>;

function traitsOf(provider: string): ProviderTraits {
  return {
    provider,
    assetClasses: ['crypto'],
    timeframes: ['1m', '1h', '1d'],
    pageLimit: 1_000,
    omitsEmptyCandles: false,
    revisionWindow: 3,
    settleDelayMs: 2_000,
    budget: provider === 'small' ? { limit: 10, windowMs: MINUTE } : { limit: 6_000, windowMs: MINUTE },
    pageWeight: 2,
  };
}
