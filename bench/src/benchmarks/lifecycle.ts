import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '@candlefleet/core';
import { connectDatabase, createBudget } from '@candlefleet/db';
import { backfillQueueName, connectQueues, type QueueConnection } from '@candlefleet/queue';
import { forgetNamespace, testNamespace } from '@candlefleet/testing';
import { startWorker } from '@candlefleet/worker';
import { pino } from 'pino';
import { compare, type Contender } from '../measure/compare.js';
import type { Report } from '../measure/report.js';
import { startBareWorker } from '../setting/bare-bullmq.js';
import { postgresCpuMs } from '../setting/cpu-time.js';
import type { Setting } from '../setting/setting.js';
import {
  createInstantSource,
  openTailSeries,
  TAIL_TRAITS,
  tailJobs,
  type TailSeries,
} from '../setting/tail-jobs.js';
import { openWarehouse, PROVIDER, type Warehouse } from '../setting/warehouse.js';

const QUEUE = backfillQueueName(PROVIDER);
const LOG = pino({ level: 'silent' });

/** Jobs a measurement, and the budgets, which are for Redis (DESIGN §9). */
const LEVELS = [
  { concurrency: 1, redisJobs: 1_000, postgresJobs: 200, claim: 0.2, lifecycle: 0.12 },
  { concurrency: 16, redisJobs: 4_000, postgresJobs: 1_000, claim: 0.3, lifecycle: 0.16 },
  { concurrency: 64, redisJobs: 6_000, postgresJobs: 1_500, claim: 0.6, lifecycle: 0.3 },
];

/** A tail that is up to date, and one that claims, stores one candle and finishes, against bare BullMQ. */
export async function benchLifecycle(setting: Setting): Promise<Report[]> {
  const reports: Report[] = [];
  const warehouse = await openWarehouse();
  try {
    const series = await openTailSeries(warehouse, 6_000);
    for (const redisUrl of setting.redisUrl ? [setting.redisUrl, undefined] : [undefined])
      for (const level of LEVELS)
        reports.push(await compareLevel(setting, { warehouse, series, redisUrl, ...level }));
  } finally {
    await warehouse.close();
  }
  return reports;
}

interface Level {
  readonly warehouse: Warehouse;
  readonly series: TailSeries;
  readonly redisUrl: string | undefined;
  readonly concurrency: number;
  readonly redisJobs: number;
  readonly postgresJobs: number;
  readonly claim: number;
  readonly lifecycle: number;
}

async function compareLevel(setting: Setting, level: Level): Promise<Report> {
  const { warehouse, redisUrl, concurrency } = level;
  const place = { redisUrl, databaseUrl: warehouse.url, namespace: testNamespace() };
  const queues = await connectQueues({ ...place, applicationName: 'bench', log: LOG });
  const backend = redisUrl ? 'Redis' : 'Postgres';
  const startBare = () => startBareWorker({ ...place, queue: QUEUE, concurrency });
  const start = () => startOurs(warehouse, queues, concurrency);
  const costs: Cost[] = [];
  const contender = (name: string, kind: Kind, atLeast?: number): Contender => {
    const cost: Cost = { name, jobs: 0, nodeMs: 0, postgresMs: 0 };
    costs.push(cost);
    const budget = redisUrl && atLeast !== undefined ? { atLeast } : undefined;
    return {
      name,
      budget,
      run: () => runJobs(level, queues, kind, cost, kind === 'bare' ? startBare : start),
    };
  };
  try {
    const { baseline, candidates: lines } = await compare({
      ...setting,
      baseline: contender('bare BullMQ, empty processor', 'bare'),
      candidates: [
        contender('claim of an up-to-date tail', 'nothing_missing', level.claim),
        contender('claim, store one candle, finish', 'stored', level.lifecycle),
      ],
    });
    return {
      benchmark: 'lifecycle',
      title: `queue in ${backend}, concurrency ${concurrency}`,
      unit: 'jobs/s',
      lines: [baseline, ...lines],
      notes: costs.map(costText),
    };
  } finally {
    await queues.close({ deadlineMs: 5_000 });
    await forgetNamespace(redisUrl, place.namespace);
  }
}

type Kind = 'bare' | 'nothing_missing' | 'stored';

interface Cost {
  readonly name: string;
  jobs: number;
  nodeMs: number;
  postgresMs: number;
}

function costText({ name, jobs, nodeMs, postgresMs }: Cost): string {
  const perJob = (ms: number) => `${Math.round((ms * 1_000) / jobs)} µs`;
  return `CPU a job, ${name}: the worker ${perJob(nodeMs)}, Postgres ${perJob(postgresMs)}`;
}

/** Adds the jobs to a paused queue, starts a worker, lets it go. Answers jobs a second. */
async function runJobs(
  { warehouse, series, redisUrl, redisJobs, postgresJobs }: Level,
  queues: QueueConnection,
  kind: Kind,
  cost: Cost,
  start: () => Promise<{ close(): Promise<void> }>,
): Promise<number> {
  const count = redisUrl ? redisJobs : postgresJobs;
  await series.reset(kind === 'stored' ? 1 : 0);
  const queue = queues.queue(QUEUE);
  await queue.waitUntilReady();
  await queue.obliterate({ force: true });
  await queue.pause();
  await queue.addBulk(tailJobs(series.seriesIds, count));
  const worker = await start();
  try {
    // Both workers are up and blocked on the paused queue by then.
    await sleep(SETTLE_MS);
    const node = process.cpuUsage();
    const postgresMs = await postgresCpuMs(warehouse.db);
    const startedAt = performance.now();
    await queue.resume();
    while ((await queue.getJobCountByTypes('waiting', 'active', 'delayed', 'prioritized')) > 0)
      await sleep(LOOK_EVERY_MS);
    const seconds = (performance.now() - startedAt) / 1_000;
    const used = process.cpuUsage(node);
    cost.jobs += count;
    cost.nodeMs += (used.user + used.system) / 1_000;
    cost.postgresMs += (await postgresCpuMs(warehouse.db)) - postgresMs;
    const ended = kind === 'bare' ? count : await series.countEnded(kind);
    if (ended !== count) throw new Error(`${ended} of ${count} tails ended as they should`);
    return count / seconds;
  } finally {
    await worker.close();
  }
}

const SETTLE_MS = 200;
const LOOK_EVERY_MS = 10;

/** The worker as it is, with a source that answers from memory. */
async function startOurs(warehouse: Warehouse, queues: QueueConnection, concurrency: number) {
  const db = connectDatabase({ url: warehouse.url, applicationName: 'bench worker', poolSize: 6 });
  const worker = await startWorker({
    db,
    queues,
    log: LOG,
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
