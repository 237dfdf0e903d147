import {
  asFleetError,
  systemClock,
  type Budget,
  type Candle,
  type CandlePage,
  type CandleSource,
  type Clock,
  type FetchRequest,
  type ProviderTraits,
  type Range,
  type RequestGate,
} from '@candlefleet/core';
import {
  connectDatabase,
  createBudget,
  createClaimer,
  findSeries,
  listAttempts,
  planExecutions,
  readExecution,
  renewLease,
  trackSymbol,
  type ExecutionRow,
} from '@candlefleet/db';
import { backfillQueueName, connectQueues, type BackfillJob, type QueueConnection } from '@candlefleet/queue';
import {
  createTestDatabase,
  forgetNamespace,
  testNamespace,
  waitUntil,
  type TestBackend,
} from '@candlefleet/testing';
import { pino } from 'pino';
import { startWorker, type FleetWorker, type WorkerTimings } from '../src/start-worker.js';

export const MINUTE = 60_000;
export const START = Date.UTC(2024, 0, 1);
/** Candles of one answer. */
export const PAGE = 10;
const CLOSE = { deadlineMs: 10_000 };

/** What a test makes of a page that is about to be answered: another one, or an error. */
export type OnPage = (page: CandlePage, request: FetchRequest) => CandlePage | Promise<CandlePage>;

export interface WorkerSetup {
  readonly concurrency?: number;
  readonly timings?: Partial<WorkerTimings>;
  readonly clock?: Clock;
  readonly queueNames?: readonly string[];
  readonly origin?: string;
  readonly openFails?: Error;
  readonly queues?: QueueConnection;
}

/** A real worker on real stores; its candles come from the test. */
export async function createWorkerFixture(backend: TestBackend) {
  const log = pino({ level: 'silent' });
  const database = await createTestDatabase();
  const namespace = testNamespace();
  const db = connectDatabase({ url: database.url, applicationName: 'test', poolSize: 6 });
  const queues = await connectQueues({
    redisUrl: backend.redisUrl,
    databaseUrl: database.url,
    namespace,
    applicationName: 'test',
    log,
  });
  const budget: Budget = createBudget(db, 'default');
  const workers: FleetWorker[] = [];
  const asked: Range[] = [];
  let onPage: OnPage = (page) => page;

  async function track(provider = 'p', symbol = 'A/B'): Promise<number> {
    const bounds = { historyFromMs: START, historyToMs: undefined };
    await trackSymbol(
      db,
      { provider, symbol, assetClass: 'crypto', calendar: '24x7', timeframes: ['1m'], ...bounds },
      'test',
    );
    const [series] = await findSeries(db, { provider, symbol, timeframe: '1m' });
    return series?.seriesId ?? 0;
  }
  const seriesId = await track();

  const sourceOf = (provider: string, gate: RequestGate, origin: string): CandleSource => ({
    traits: traitsOf(provider),
    origin,
    async *fetchCandles(request) {
      for (let at = request.fromMs; at < request.toMs; at += PAGE * MINUTE) {
        await gate.pass({ purpose: 'candles', weight: 1, urgent: request.urgent, signal: request.signal });
        const range = { fromMs: at, toMs: Math.min(request.toMs, at + PAGE * MINUTE) };
        asked.push(range);
        yield await heardByGate(gate, () => onPage(pageOf(range), request));
      }
    },
    findSymbols: async () => [],
    findFirstCandle: async () => undefined,
    ping: async () => {},
    close: async () => {},
  });

  return {
    db,
    namespace,
    queues,
    budget,
    seriesId,
    track,
    /** Every page that was asked for. */
    asked,
    queue: (provider = 'p'): ReturnType<QueueConnection['queue']> =>
      queues.queue(backfillQueueName(provider)),
    answer(next: OnPage) {
      onPage = next;
    },
    async start(setup: WorkerSetup = {}): Promise<FleetWorker> {
      const { concurrency = 2, timings, clock = systemClock, queueNames, origin = 'host', openFails } = setup;
      const worker = await startWorker({
        db,
        queues: setup.queues ?? queues,
        budget,
        log,
        traitsOf,
        clock,
        concurrency,
        queueNames,
        openSource: async (provider, gate) => {
          if (openFails) throw openFails;
          return sourceOf(provider, gate, origin);
        },
        version: 'test',
        timings: { discoverMs: 100, ...timings },
      });
      workers.push(worker);
      return worker;
    },
    async plan(from: number, to: number, series = seriesId): Promise<string> {
      const slices = [{ fromMs: START + from * MINUTE, toMs: START + to * MINUTE }];
      const [id] = await planExecutions(db, { seriesId: series, kind: 'history', slices });
      if (!id) throw new Error('nothing was planned');
      return id;
    },
    jobOf(executionId: string, more: Partial<BackfillJob> = {}): BackfillJob & { executionId: string } {
      const identity = {
        v: 1,
        seriesId,
        provider: 'p',
        symbol: 'A/B',
        timeframe: '1m',
        calendar: '24x7',
      } as const;
      return { ...identity, kind: 'history', ...more, executionId };
    },
    /** Enqueues an execution's job. */
    async deliver(executionId: string, more: Partial<BackfillJob> = {}): Promise<string> {
      const job = this.jobOf(executionId, more);
      await queues.ensureJobs(backfillQueueName(job.provider), [job]);
      return executionId;
    },
    /** A claim of somebody else's, on the stretch. */
    async heldByAnother(executionId: string): Promise<void> {
      const lease = {
        host: 'h',
        pid: 1,
        version: '0',
        leaseMs: 60_000,
        held: [executionId],
        queues: [],
        load: {},
      };
      await renewLease(db, { workerId: OTHER_WORKER, ...lease });
      await createClaimer(db, OTHER_WORKER)({ executionId });
    },
    async row(executionId: string): Promise<ExecutionRow> {
      const row = await readExecution(db, executionId);
      if (!row) throw new Error(`there is no execution ${executionId}`);
      return row;
    },
    attempts: async (executionId: string) =>
      (await listAttempts(db, executionId)).map(({ outcome, errorCode }) => `${outcome} ${errorCode}`),
    async stored(series = seriesId): Promise<number> {
      const [row] = await db.sql<{ count: number }[]>`
        select count(*)::int as count from market_data where series_id = ${series}`;
      return row?.count ?? 0;
    },
    /** Waits for a state of a job. */
    until(jobId: string, ...states: string[]): Promise<true> {
      return waitUntil(
        `job ${jobId} to be ${states.join(' or ')}`,
        async () => states.includes(await this.queue().getJobState(jobId)) || undefined,
      );
    },
    /** For how long the job was sent back. */
    async delayOf(jobId: string): Promise<number> {
      await this.until(jobId, 'delayed');
      return (await this.queue().getJob(jobId))?.delay ?? 0;
    },
    async note(jobId: string): Promise<unknown> {
      await this.until(jobId, 'completed');
      return (await this.queue().getJob(jobId))?.returnvalue;
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.close(CLOSE)));
      await queues.close(CLOSE);
      await db.close();
      await forgetNamespace(backend.redisUrl, namespace);
      await database.drop();
    },
  };
}

export type WorkerFixture = Awaited<ReturnType<typeof createWorkerFixture>>;

/** What every source owes its gate. */
async function heardByGate<T>(gate: RequestGate, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const { code, retryAfterMs } = asFleetError(thrown);
    const isBan = code === 'banned';
    if ((isBan || code === 'rate_limited') && retryAfterMs !== undefined)
      await gate.observeRefused({ retryAfterMs, isBan });
    throw thrown;
  }
}

const OTHER_WORKER = '00000000-0000-7000-8000-00000000000f';

function traitsOf(provider: string): ProviderTraits {
  return {
    provider,
    assetClasses: ['crypto'],
    timeframes: ['1m'],
    pageLimit: PAGE,
    omitsEmptyCandles: false,
    revisionWindow: 3,
    settleDelayMs: 0,
    budget: { limit: 6_000_000, windowMs: MINUTE },
    pageWeight: 1,
  };
}

function pageOf(asked: Range): CandlePage {
  const candles: Candle[] = [];
  for (let openMs = asked.fromMs; openMs < asked.toMs; openMs += MINUTE)
    candles.push({ openMs, open: 1, high: 2, low: 1, close: 2, volume: 3 });
  return { asked, candles, proven: [asked], unconfirmed: [], unavailable: [], requests: 1, confirmations: 0 };
}

/** Something that a test opens once. */
export function createLatch() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}
