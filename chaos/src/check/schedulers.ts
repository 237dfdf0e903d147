import { listTrackedSeries } from '@candlefleet/db';
import { backfillQueueName, tailSchedulerId } from '@candlefleet/queue';
import { waitUntil } from '@candlefleet/testing';
import { openQueues } from '../faults/redis.js';
import type { Load } from '../stage/load.js';
import type { Stage } from '../stage/stage.js';

const SYNCED_WITHIN_MS = 30_000;

/** One scheduler per live series, none besides, each with the job of a slot to come. */
export async function checkSchedulers(stage: Stage, load: Load): Promise<string[]> {
  const queues = await openQueues(stage);
  const look = async (): Promise<string[]> => {
    const wanted = (await listTrackedSeries(stage.db))
      .filter((one) => load.live.includes(one.symbol))
      .map((one) => tailSchedulerId(one.seriesId));
    const found = await queues.readSchedulers(backfillQueueName('replay'));
    return [
      ...wanted.filter((id) => !found.get(id)?.hasPendingJob).map((id) => `${id} is not scheduled`),
      ...[...found.keys()]
        .filter((id) => !wanted.includes(id))
        .map((id) => `${id} is scheduled, and nobody wants it`),
    ];
  };
  try {
    let wrong: string[] = [];
    await waitUntil(
      'the schedulers',
      async () => (wrong = await look()).length === 0,
      SYNCED_WITHIN_MS,
    ).catch(() => {});
    return wrong;
  } finally {
    await queues.close({ deadlineMs: 5_000 });
  }
}

/** The latest of the schedulers' next slots: promotions in Bull Board take them ahead, and nothing fires until then. */
export async function lastNextSlotMs(stage: Stage): Promise<number> {
  const queues = await openQueues(stage);
  try {
    const found = await queues.readSchedulers(backfillQueueName('replay'));
    return Math.max(...[...found.values()].map(({ nextMs }) => nextMs));
  } finally {
    await queues.close({ deadlineMs: 5_000 });
  }
}
