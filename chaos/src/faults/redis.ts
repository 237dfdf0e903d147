import { setTimeout as sleep } from 'node:timers/promises';
import { backfillQueueName, connectQueues, type QueueConnection } from '@candlefleet/queue';
import { loseQueues, waitUntil } from '@candlefleet/testing';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { glance, someWork } from '../stage/watch.js';
import type { Stage } from '../stage/stage.js';
import type { Fault } from './fault.js';

const withoutRedis = (stage: Stage) => (stage.redis ? undefined : 'the queue is in Postgres');
const FORGOTTEN_DEADLINE_MS = 60_000;

/** 5: what happens to a Redis. */
export const redisRestarted: Fault = {
  kind: 'Redis killed, with its append-only file',
  share: 8,
  cannot: withoutRedis,
  async strike({ stage }) {
    const inProgress = await someWork(stage);
    await stage.redis?.kill();
    await sleep(500);
    await stage.redis?.revive();
    return { landed: inProgress > 0, what: `${inProgress} in progress` };
  },
};

export const redisDownAtBoot: Fault = {
  kind: 'Redis down at the boot of all',
  share: 4,
  cannot: withoutRedis,
  async strike({ stage, longestMs }) {
    const { unfinished } = await glance(stage);
    const { all } = stage.processes;
    await Promise.all(all.map((one) => one.rest()));
    await stage.redis?.kill();
    for (const one of all) one.wake();
    await sleep(Math.min(15_000, longestMs));
    await stage.redis?.revive();
    return { landed: unfinished > 0, what: `${all.length} processes, ${unfinished} unfinished` };
  },
};

export const redisFull: Fault = {
  kind: 'Redis full, with noeviction',
  share: 4,
  cannot: withoutRedis,
  async strike({ stage }) {
    const inProgress = await someWork(stage);
    await onRedis(stage, (redis) => redis.config('SET', 'maxmemory', '1'));
    await sleep(6_000);
    await onRedis(stage, (redis) => redis.config('SET', 'maxmemory', '0'));
    return { landed: inProgress > 0, what: `${inProgress} in progress` };
  },
};

/** Both stores: the queue forgets all jobs and schedulers, in mid-run. */
export const queueForgets: Fault = {
  kind: 'the queue forgets all',
  share: 8,
  async strike({ stage }) {
    const inProgress = await someWork(stage);
    const queues = await openQueues(stage);
    try {
      const scheduled = await countSchedulers(queues);
      await forget(stage);
      // Without a restart, and within a minute.
      await waitUntil(
        'the schedulers to be back',
        async () => (await countSchedulers(queues)) >= scheduled,
        FORGOTTEN_DEADLINE_MS,
      );
      return {
        landed: inProgress > 0 && scheduled > 0,
        what: `${scheduled} schedulers, ${inProgress} in progress`,
      };
    } finally {
      await queues.close({ deadlineMs: 5_000 });
    }
  },
};

export const redisRestartedEmpty: Fault = {
  kind: 'Redis restarted with nothing',
  share: 4,
  cannot: withoutRedis,
  async strike({ stage }) {
    const inProgress = await someWork(stage);
    await onRedis(stage, (redis) => redis.flushall());
    await onRedis(stage, (redis) => redis.bgrewriteaof());
    await stage.redis?.kill();
    await sleep(2_000);
    await stage.redis?.revive();
    return { landed: inProgress > 0, what: `${inProgress} in progress` };
  },
};

async function forget(stage: Stage): Promise<void> {
  if (stage.redis) {
    await onRedis(stage, (redis) => redis.flushall());
    return;
  }
  await loseQueues({ redisUrl: undefined, databaseUrl: stage.postgres.url, namespace: stage.namespace });
}

export async function openQueues(stage: Stage): Promise<QueueConnection> {
  return connectQueues({
    redisUrl: stage.redis?.url,
    databaseUrl: stage.postgres.url,
    namespace: stage.namespace,
    applicationName: 'chaos',
    log: pino({ level: 'silent' }),
  });
}

export async function countSchedulers(queues: QueueConnection): Promise<number> {
  return (await queues.readSchedulers(backfillQueueName('replay'))).size;
}

async function onRedis(stage: Stage, work: (redis: Redis) => Promise<unknown>): Promise<void> {
  if (!stage.redis) return;
  const redis = new Redis(stage.redis.url, { maxRetriesPerRequest: 3 });
  redis.on('error', () => {});
  try {
    await work(redis);
  } finally {
    redis.disconnect();
  }
}
