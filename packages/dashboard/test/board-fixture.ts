import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { newExecutionId, systemClock, type Range } from '@candlefleet/core';
import {
  connectDatabase,
  createClaimer,
  createFinisher,
  findSeries,
  planExecutions,
  readExecution,
  renewLease,
  storeChunk,
  trackSymbol,
  type ExecutionRow,
} from '@candlefleet/db';
import { createHealth } from '@candlefleet/health';
import {
  backfillJobSchema,
  backfillQueueName,
  connectQueues,
  executionIdOf,
  type JobEnding,
  type JobInHand,
  type RunningWorker,
} from '@candlefleet/queue';
import {
  createTestDatabase,
  forgetNamespace,
  testNamespace,
  waitUntil,
  type TestBackend,
} from '@candlefleet/testing';
import { pino } from 'pino';
import { startDashboard } from '../src/start-dashboard.js';

const MINUTE = 60_000;
const START = Date.UTC(2024, 0, 1);
const CLOSE = { deadlineMs: 10_000 };
const SERIES = { provider: 'p', symbol: 'A/B', timeframe: '1m' as const, calendar: '24x7' };

export const QUEUE = backfillQueueName(SERIES.provider);

/** A dashboard over real stores, one series, and a worker whose attempts end as the test says. */
export async function createBoardFixture(backend: TestBackend) {
  const log = pino({ level: 'silent' });
  const database = await createTestDatabase();
  const namespace = testNamespace();
  const db = connectDatabase({ url: database.url, applicationName: 'test', poolSize: 4 });
  await track(SERIES.provider);
  const [series] = await findSeries(db, SERIES);
  const seriesId = series?.seriesId ?? 0;
  const queues = await connectQueues({
    redisUrl: backend.redisUrl,
    databaseUrl: database.url,
    namespace,
    applicationName: 'test',
    log,
  });
  const health = createHealth({ clock: systemClock, log });
  const dashboard = await startDashboard({ db, queues, health, port: 0, log, refreshMs: 100 });
  const workers: RunningWorker[] = [];
  let planned = 0;

  async function track(provider: string): Promise<void> {
    const { symbol, calendar, timeframe } = SERIES;
    const bounds = { historyFromMs: START, historyToMs: START + 1_000 * MINUTE };
    await trackSymbol(
      db,
      { provider, symbol, assetClass: 'crypto', calendar, timeframes: [timeframe], ...bounds },
      'test',
    );
  }

  return {
    db,
    queues,
    dashboard,
    track,
    queue: queues.queue(QUEUE),
    ask: (method: string, path: string, more?: Ask) => ask(dashboard.url, method, path, more),
    change: (path: string) => ask(dashboard.url, 'PUT', `/queues/api/queues/${QUEUE}/${path}`),
    /** Pending executions of one minute each, with their jobs, delayed ones on demand. */
    async enqueue(count: number, delayMs?: number): Promise<string[]> {
      const slices: Range[] = Array.from({ length: count }, () => {
        planned += 1;
        return { fromMs: START + (planned - 1) * MINUTE, toMs: START + planned * MINUTE };
      });
      const ids = await planExecutions(db, { seriesId, kind: 'history', slices });
      const jobOf = (executionId: string) =>
        ({ v: 1, executionId, seriesId, ...SERIES, kind: 'history' }) as const;
      for (const executionId of ids) {
        // Bull Board's clean spares what is younger than five seconds.
        const old = { jobId: executionId, timestamp: Date.now() - 60_000 };
        const how = delayMs === undefined ? { priority: 20 } : { delay: delayMs + 60_000 };
        await queues.queue(QUEUE).add('history', jobOf(executionId), { ...old, ...how });
      }
      return ids;
    },
    /** Consumes the queue; each attempt completes its execution, or fails it for good. */
    async work(how: 'complete' | 'fail'): Promise<RunningWorker> {
      const workerId = newExecutionId();
      const lease = { host: 'h', pid: 1, version: '0', leaseMs: 60_000, held: [], queues: [], load: {} };
      await renewLease(db, { workerId, ...lease });
      const claim = createClaimer(db, workerId);
      const finish = createFinisher(db);
      const handle = async (job: JobInHand<unknown>): Promise<JobEnding> => {
        const executionId = executionIdOf({ id: job.id, data: backfillJobSchema.parse(job.data) });
        const execution = await claim({ executionId });
        if (execution.outcome !== 'claimed') return { do: 'complete', note: execution.outcome };
        const { fence, range } = execution;
        if (how === 'fail') {
          await finish({ executionId, fence, ending: 'failed', code: 'planted', message: 'planted' });
          return { do: 'fail', code: 'planted', message: 'planted' };
        }
        const nothing = { candles: [], rejected: [], unconfirmed: [], unavailable: [], requests: 1 };
        await storeChunk(db, {
          executionId,
          fence,
          ...nothing,
          answered: [range],
          proven: [range],
          origin: 'h',
        });
        return { do: 'complete' };
      };
      const worker = await queues.startWorker(QUEUE, handle, { concurrency: 2 });
      workers.push(worker);
      return worker;
    },
    /** Takes one job and keeps it in hand. */
    async workUntilReleased(): Promise<() => void> {
      let release = () => {};
      const released = new Promise<void>((resolve) => (release = resolve));
      const handle = async (): Promise<JobEnding> => {
        await released;
        return { do: 'complete' };
      };
      workers.push(await queues.startWorker(QUEUE, handle, { concurrency: 1 }));
      return release;
    },
    /** Executions that failed for good, and whose jobs failed. */
    async failed(count: number): Promise<string[]> {
      const ids = await this.enqueue(count);
      const worker = await this.work('fail');
      await waitUntil('the jobs to fail', async () => (await this.queue.getFailedCount()) >= count);
      await worker.close(CLOSE);
      return ids;
    },
    async row(executionId: string): Promise<ExecutionRow> {
      const row = await readExecution(db, executionId);
      if (!row) throw new Error(`there is no execution ${executionId}`);
      return row;
    },
    async statuses(ids: readonly string[]): Promise<string[]> {
      return Promise.all(ids.map(async (id) => (await this.row(id)).status));
    },
    async audited(action: string): Promise<string[]> {
      const rows = await db.sql<{ subject: string }[]>`
        select subject from audit_log where action = ${action} and actor = 'dashboard' order by subject`;
      return rows.map((row) => row.subject);
    },
    async close() {
      await dashboard.close();
      await Promise.all(workers.map((worker) => worker.close(CLOSE)));
      await queues.close(CLOSE);
      await db.close();
      await forgetNamespace(backend.redisUrl, namespace);
      await database.drop();
    },
  };
}

export type BoardFixture = Awaited<ReturnType<typeof createBoardFixture>>;

interface Ask {
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** A request with any headers, the Host among them. */
export function ask(url: string, method: string, path: string, { headers, body }: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(new URL(path, url), { method, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (text += part));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
      );
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}
