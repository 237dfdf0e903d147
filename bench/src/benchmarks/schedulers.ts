import { connectQueues, type QueueConnection } from '@candlefleet/queue';
import { syncSchedulers } from '@candlefleet/producer';
import { providerTraits } from '@candlefleet/providers';
import { forgetNamespace, testNamespace } from '@candlefleet/testing';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { busyCores } from '../measure/busy-cores.js';
import { BUSY_CORES } from '../measure/compare.js';
import type { Report } from '../measure/report.js';
import { spreadOf } from '../measure/spread.js';
import { QUEUE } from '../setting/run-tails.js';
import type { Setting } from '../setting/setting.js';
import { tailJobs } from '../setting/tail-jobs.js';
import { openWarehouse, PROVIDER, type Warehouse } from '../setting/warehouse.js';

const SERIES = 100_000;
const IN_FLIGHT = 1_000;
const DAY_MS = 86_400_000;

/** The producer's sync of a watchlist of 100,000 series, against a bare loop of BullMQ's own upserts. Redis only. */
export async function benchSchedulers(setting: Setting): Promise<Report[]> {
  const { redisUrl, rounds, tell } = setting;
  if (!redisUrl) {
    tell('left out: it needs Redis');
    return [];
  }
  const warehouse = await openWarehouse();
  const redis = new Redis(redisUrl);
  const times = { bare: [] as number[], first: [] as number[], again: [] as number[], bytes: [] as number[] };
  let busyRounds = 0;
  try {
    tell(`tracking ${SERIES.toLocaleString('en-US')} series`);
    const seriesIds = await trackMany(warehouse);
    for (let round = 1; round <= rounds; round += 1) {
      busyRounds += (await busyCores()) > BUSY_CORES ? 1 : 0;
      times.bare.push(
        await withQueues(warehouse, redisUrl, (queues) => timed(() => upsertAll(queues, seriesIds))),
      );
      await withQueues(warehouse, redisUrl, async (queues) => {
        const sync = () => syncSchedulers(depsOf(warehouse, queues));
        const before = await usedMemory(redis);
        times.first.push(await timed(sync));
        times.bytes.push((await usedMemory(redis)) - before);
        times.again.push(await timed(sync));
      });
      tell(`round ${round}: ${JSON.stringify(times)}`);
    }
  } finally {
    redis.disconnect();
    await warehouse.close();
  }
  return [toReport(times, busyRounds)];
}

function toReport(times: Record<'bare' | 'first' | 'again' | 'bytes', number[]>, busyRounds: number): Report {
  const over = (upper: readonly number[], lower: readonly number[]) =>
    upper.map((value, index) => value / (lower[index] ?? Number.NaN));
  const line = (name: string, of: number[], base: number[], atMost: number) => {
    const ratios = over(of, base);
    const rounds = ratios.map((one) => Math.round(one * 1_000) / 1_000);
    return { name, amount: spreadOf(of), ratio: spreadOf(ratios), rounds, budget: { atMost }, busyRounds };
  };
  const kilobytes = spreadOf(times.bytes.map((one) => one / SERIES / 1_000));
  return {
    benchmark: 'schedulers',
    title: `${SERIES.toLocaleString('en-US')} series, ratios of time`,
    unit: 'ms',
    lines: [
      {
        name: `bare loop of upserts, ${IN_FLIGHT.toLocaleString('en-US')} in flight`,
        amount: spreadOf(times.bare),
      },
      line('first sync', times.first, times.bare, 1.2),
      line('unchanged sync, to the first', times.again, times.first, 1 / 15),
    ],
    notes: [`Redis memory of a scheduler and its job: ${kilobytes.median.toFixed(2)} kB`],
  };
}

async function trackMany(warehouse: Warehouse): Promise<number[]> {
  const nowMs = Date.now();
  const symbols = Array.from({ length: SERIES }, (_, n) => `T${n}/USDT`);
  const range = { fromMs: nowMs - 400 * DAY_MS, toMs: nowMs + 400 * DAY_MS };
  // Daily: none fires while it is looked at.
  return warehouse.track({ symbols, timeframe: '1d', range });
}

function depsOf(warehouse: Warehouse, queues: QueueConnection) {
  return {
    db: warehouse.db,
    queues,
    traitsOf: (provider: string) => providerTraits(provider, { [PROVIDER]: 10_000_000 }),
    providers: async () => [PROVIDER],
    now: async () => Date.now(),
    log: pino({ level: 'silent' }),
  };
}

/** The same schedulers by BullMQ's own call, whatever is there already. */
async function upsertAll(queues: QueueConnection, seriesIds: readonly number[]): Promise<void> {
  const queue = await queues.open(QUEUE);
  const rest = tailJobs(seriesIds, seriesIds.length).entries();
  const lane = async () => {
    for (const [n, { name, data, opts }] of rest) {
      const repeat = { every: DAY_MS, offset: 1 + ((n * 7_919) % DAY_MS) };
      await queue.upsertJobScheduler(`tail-${data.seriesId}`, repeat, { name, data, opts });
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
}

async function withQueues<T>(
  warehouse: Warehouse,
  redisUrl: string,
  work: (queues: QueueConnection) => Promise<T>,
): Promise<T> {
  const namespace = testNamespace();
  const log = pino({ level: 'silent' });
  const queues = await connectQueues({
    redisUrl,
    databaseUrl: warehouse.url,
    namespace,
    applicationName: 'bench',
    log,
  });
  try {
    return await work(queues);
  } finally {
    await queues.close({ deadlineMs: 5_000 });
    await forgetNamespace(redisUrl, namespace);
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

async function usedMemory(redis: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1] ?? Number.NaN);
}
