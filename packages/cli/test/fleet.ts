import { systemClock, type Candle, type ProviderTraits, type Timeframe } from '@candlefleet/core';
import {
  connectDatabase,
  createBudget,
  createMarketCache,
  findSeries,
  readCandles,
  readSeriesFacts,
  trackSymbol,
  type Database,
} from '@candlefleet/db';
import { startProducer, type Producer } from '@candlefleet/producer';
import {
  openSource,
  providerTraits,
  startReplayServer,
  type FaultPlan,
  type ReplayMarket,
  type ReplayServer,
} from '@candlefleet/providers';
import { connectQueues, type QueueConnection } from '@candlefleet/queue';
import {
  createTestDatabase,
  forgetNamespace,
  testNamespace,
  waitUntil,
  type TestBackend,
  type TestDatabase,
} from '@candlefleet/testing';
import { pino, type Logger } from 'pino';
import { startWorker, type FleetWorker } from '@candlefleet/worker';

export interface FleetOptions {
  readonly backend: TestBackend;
  readonly market: ReplayMarket;
  readonly faults?: FaultPlan;
  /** Weight a minute, of the server and of the fleet's budget alike. */
  readonly weightLimit?: number;
  readonly concurrency?: number;
  /** How long one request to the server may take. */
  readonly timeoutMs?: number;
  /** Started one by one when a test wants so. */
  readonly withoutWorker?: boolean;
  readonly withoutProducer?: boolean;
}

const PLENTY = 10_000_000;
const CLOSE = { deadlineMs: 10_000 };

/** A whole fleet in one process, on a database and a queue namespace of its own, fed by a replay server. */
export async function startFleet(options: FleetOptions) {
  const { backend, market, weightLimit = PLENTY } = options;
  const log: Logger = pino({ level: process.env['FLEET_LOG'] ?? 'silent' });
  const database: TestDatabase = await createTestDatabase();
  const namespace = testNamespace();
  const server: ReplayServer = await startReplayServer({ market, faults: options.faults, weightLimit });
  const db: Database = connectDatabase({ url: database.url, applicationName: 'test fleet', poolSize: 6 });
  const connect = (): Promise<QueueConnection> =>
    connectQueues({
      redisUrl: backend.redisUrl,
      databaseUrl: database.url,
      namespace,
      applicationName: 'test fleet',
      log,
    });
  const queues = await connect();
  const traitsOf = (provider: string): ProviderTraits => providerTraits(provider, { replay: weightLimit });
  const timings = { syncMs: 1_000, planMs: 500, relayMs: 500, reapMs: 500, relayGraceMs: 200, leadMs: 200 };
  const producer: Producer | undefined = options.withoutProducer
    ? undefined
    : startProducer({ db, queues, traitsOf, timings, log });
  const workers: FleetWorker[] = [];
  const start = async (more: { queueNames?: string[] } = {}): Promise<FleetWorker> => {
    const worker = await startWorker({
      db,
      queues,
      log,
      traitsOf,
      budget: createBudget(db, 'default'),
      openSource: (provider, gate) =>
        openSource(provider, {
          gate,
          markets: createMarketCache(db),
          baseUrl: server.url,
          limits: { replay: weightLimit },
          timeoutMs: options.timeoutMs,
        }),
      version: 'test',
      concurrency: options.concurrency ?? 4,
      timings: { discoverMs: 500 },
      clock: systemClock,
      ...more,
    });
    workers.push(worker);
    return worker;
  };
  if (!options.withoutWorker) await start();

  return {
    db,
    database,
    namespace,
    queues,
    server,
    log,
    startWorker: start,
    async track(symbol: string, timeframe: Timeframe, fromMs: number, toMs?: number) {
      await trackSymbol(
        db,
        {
          provider: 'replay',
          symbol,
          assetClass: 'crypto',
          calendar: '24x7',
          timeframes: [timeframe],
          historyFromMs: fromMs,
          historyToMs: toMs,
        },
        'test',
      );
    },
    async seriesId(symbol: string, timeframe: Timeframe): Promise<number> {
      const [series] = await findSeries(db, { provider: 'replay', symbol, timeframe });
      if (!series) throw new Error(`no series ${symbol} ${timeframe}`);
      return series.seriesId;
    },
    async stored(symbol: string, timeframe: Timeframe): Promise<Candle[]> {
      const all: Candle[] = [];
      const range = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY };
      for await (const batch of readCandles(db, await this.seriesId(symbol, timeframe), range))
        all.push(...batch);
      return all;
    },
    /** Open time of the newest stored candle. */
    async lastStored(symbol: string, timeframe: Timeframe): Promise<number> {
      const seriesId = await this.seriesId(symbol, timeframe);
      const facts = (await readSeriesFacts(db)).find((one) => one.seriesId === seriesId);
      return facts?.lastCandleMs ?? Number.NEGATIVE_INFINITY;
    },
    /** Waits until every series that has an end is settled to it, and nothing is under way. */
    async settled(deadlineMs = 120_000): Promise<void> {
      await waitUntil(
        'every series to be settled',
        async () =>
          (await readSeriesFacts(db)).every(
            ({ settled, wantedFromMs, wantedToMs, unfinished }) =>
              unfinished === 0 &&
              settled.some((range) => range.fromMs <= (wantedFromMs ?? 0) && range.toMs >= (wantedToMs ?? 0)),
          ),
        deadlineMs,
      );
    },
    truth: (symbol: string, timeframe: Timeframe, fromMs: number, toMs: number): Candle[] =>
      market.candles({ symbol, timeframe, fromMs, toMs, limit: 1e9, nowMs: Date.now() }),
    pages: () => server.requests.filter((one) => one.path === '/api/v3/klines').length,
    async close() {
      await producer?.close();
      await Promise.all(workers.map((worker) => worker.close(CLOSE)));
      await queues.close(CLOSE);
      await db.close();
      await server.close();
      await forgetNamespace(backend.redisUrl, namespace);
      await database.drop();
    },
  };
}

export type Fleet = Awaited<ReturnType<typeof startFleet>>;
