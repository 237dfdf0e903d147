import { setTimeout as sleep } from 'node:timers/promises';
import { asFleetError } from '@candlefleet/core';
import { Redis } from 'ioredis';
import pg from 'pg';
import type { Logger } from 'pino';
import { createPostgresQueueBackend, createRedisQueueBackend, type Backend } from './backend.js';
import { withDeadline } from './deadline.js';
import { QueueUnusableError } from './errors.js';
import { outageTeller } from './start-worker.js';

export interface QueueOptions {
  /** Set: BullMQ on Redis. Absent: BullMQ's Postgres backend in `databaseUrl`. */
  readonly redisUrl?: string | undefined;
  readonly databaseUrl: string;
  /** Redis: leads every key. Postgres: the schema. */
  readonly namespace?: string | undefined;
  /** Use a Redis whose eviction policy can drop jobs all the same. */
  readonly allowEvictingRedis?: boolean | undefined;
  readonly applicationName: string;
  readonly log: Logger;
  /** Ends the wait for a store that is not there. */
  readonly signal?: AbortSignal | undefined;
}

const REACH_DEADLINE_MS = 15_000;
const CONNECT_RETRY_MS = 1_000;
/** A Redis connection on which no answer came for so long is replaced; BullMQ's longest wait for a job is 10 s. */
const SILENCE_MS = 20_000;

/** The one module that decides where the queues are. Waits until the store is there. */
export function openBackend(options: QueueOptions): Promise<Backend> {
  return options.redisUrl ? openRedis(options, options.redisUrl) : openPostgres(options);
}

async function openRedis(options: QueueOptions, url: string): Promise<Backend> {
  const { log, signal } = options;
  const shared = { lazyConnect: true, connectTimeout: 5_000, keepAlive: 15_000, socketTimeout: SILENCE_MS };
  // Ours fails fast; a worker's waits for ever, as BullMQ demands.
  const redis = new Redis(url, {
    ...shared,
    maxRetriesPerRequest: 2,
    connectionName: options.applicationName,
  });
  const workerRedis = new Redis(url, {
    ...shared,
    maxRetriesPerRequest: null,
    connectionName: options.applicationName,
  });
  const tell = outageTeller(log, 'redis');
  redis.on('error', tell);
  workerRedis.on('error', tell);
  try {
    await untilUp(() => redis.ping(), 'Redis', log, signal);
    await refuseEviction(redis, options.allowEvictingRedis ?? false, log);
  } catch (error) {
    redis.disconnect();
    workerRedis.disconnect();
    throw error;
  }
  return createRedisQueueBackend({ redis, workerRedis, prefix: options.namespace ?? 'candlefleet' });
}

async function refuseEviction(redis: Redis, isAllowed: boolean, log: Logger): Promise<void> {
  const policy = /maxmemory_policy:(\S+)/.exec(await redis.info('memory'))?.[1] ?? 'unknown';
  if (policy === 'noeviction') return;
  const message =
    `This Redis may drop jobs: its maxmemory-policy is "${policy}", and only "noeviction" keeps what it was given. ` +
    'Change it with:\n  redis-cli CONFIG SET maxmemory-policy noeviction\n' +
    'and for good in redis.conf: maxmemory-policy noeviction. To use it all the same, set REDIS_ALLOW_EVICTION=true.';
  if (!isAllowed) throw new QueueUnusableError(message);
  log.warn(message);
}

async function openPostgres(options: QueueOptions): Promise<Backend> {
  const { databaseUrl, log, signal } = options;
  const ping = async () => {
    const client = new pg.Client({
      connectionString: databaseUrl,
      connectionTimeoutMillis: 5_000,
      query_timeout: 5_000,
    });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.query('select 1');
    } finally {
      await client.end().catch(() => {});
    }
  };
  await untilUp(ping, 'Postgres', log, signal);
  const schema = options.namespace ?? 'candlefleet_q';
  const backend = createPostgresQueueBackend({
    databaseUrl,
    schema,
    ping,
    applicationName: options.applicationName,
  });
  log.info(
    'queues are in Postgres: the single-machine mode. Set REDIS_URL for a fleet over several machines',
  );
  return backend;
}

async function untilUp(
  ping: () => Promise<unknown>,
  what: string,
  log: Logger,
  signal?: AbortSignal,
): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      await withDeadline(`reach ${what}`, REACH_DEADLINE_MS, ping());
      return;
    } catch (error) {
      if (tries % 30 === 0)
        log.warn({ reason: asFleetError(error).message }, `${what} is not there yet; waiting for it`);
      await sleep(CONNECT_RETRY_MS, undefined, signal ? { signal } : {});
    }
  }
}
