import { setTimeout as sleep } from 'node:timers/promises';
import { backfillQueueName, type QueueConnection } from '@candlefleet/queue';
import type { Cost, CpuMeter } from './cost.js';
import { tailJobs, type TailSeries } from './tail-jobs.js';
import { PROVIDER } from './warehouse.js';

export const QUEUE = backfillQueueName(PROVIDER);
const SETTLE_MS = 200;
const LOOK_EVERY_MS = 10;

export interface TailRun {
  readonly series: TailSeries;
  readonly queues: QueueConnection;
  readonly meter: CpuMeter;
  readonly cost: Cost;
  readonly count: number;
  /** How each tail must end; absent where the worker is not ours. */
  readonly ending?: 'nothing_missing' | 'stored' | undefined;
  start(): Promise<{ close(): Promise<void> }>;
}

/** Adds the jobs of tails to a paused queue, starts a worker, lets it go. Answers jobs a second. */
export async function runTails({
  series,
  queues,
  meter,
  cost,
  count,
  ending,
  start,
}: TailRun): Promise<number> {
  await series.reset(ending === 'stored' ? 1 : 0);
  const queue = queues.queue(QUEUE);
  await queue.waitUntilReady();
  await queue.obliterate({ force: true });
  await queue.pause();
  await queue.addBulk(tailJobs(series.seriesIds, count));
  const worker = await start();
  try {
    // The worker is up and blocked on the paused queue by then.
    await sleep(SETTLE_MS);
    const perSecond = await meter.measure(cost, count, async () => {
      await queue.resume();
      while ((await queue.getJobCountByTypes('waiting', 'active', 'delayed', 'prioritized')) > 0)
        await sleep(LOOK_EVERY_MS);
    });
    const ended = ending ? await series.countEnded(ending) : count;
    if (ended !== count) throw new Error(`${ended} of ${count} tails ended as they should`);
    return perSecond;
  } finally {
    await worker.close();
  }
}
