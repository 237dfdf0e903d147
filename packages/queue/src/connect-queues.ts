import { setTimeout as sleep } from 'node:timers/promises';
import { asFleetError } from '@candlefleet/core';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import pg from 'pg';
import type { Logger } from 'pino';
import { createPostgresQueueBackend, createRedisQueueBackend, type Backend } from './backend.js';
import { withDeadline } from './deadline.js';
import { ensureJobs, removeJobs, type EnsuredJobs } from './ensure-jobs.js';
import { QueueUnusableError } from './errors.js';
import type { BackfillJob } from './jobs/backfill.js';
import {
  readSchedulers,
  readSchedulersFromRedis,
  upsertScheduler,
  type Scheduler,
  type SchedulerSpec,
} from './schedulers.js';
import {
  outageTeller,
  startQueueWorker,
  type JobHandler,
  type RunningWorker,
  type WorkerSettings,
} from './start-worker.js';

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

/** The queues, whichever store they are in. */
export interface QueueConnection {
  readonly backend: 'redis' | 'postgres';
  /** BullMQ's own object, connected or not. */
  queue(name: string): Queue;
  /** BullMQ's own object, once it is connected. @throws when the store does not answer */
  open(name: string): Promise<Queue>;
  startWorker(name: string, handle: JobHandler, settings: WorkerSettings): Promise<RunningWorker>;
  ensureJobs(name: string, jobs: readonly (BackfillJob & { executionId: string })[]): Promise<EnsuredJobs>;
  removeJobs(name: string, jobIds: readonly string[]): Promise<void>;
  readSchedulers(name: string): Promise<Map<string, Scheduler>>;
  upsertScheduler(name: string, spec: SchedulerSpec): Promise<void>;
  removeScheduler(name: string, id: string): Promise<void>;
  /** Jobs without a priority that wait: tails. */
  waitingTails(name: string): Promise<number>;
  isPaused(name: string): Promise<boolean>;
  ping(): Promise<void>;
  /** Never hangs on a dead store. */
  close(options: { deadlineMs: number }): Promise<void>;
}

const CALL_DEADLINE_MS = 15_000;
const CONNECT_RETRY_MS = 1_000;

/** The one module that decides where the queues are. Waits for the store, then builds. */
export async function connectQueues(options: QueueOptions): Promise<QueueConnection> {
  const backend = options.redisUrl ? await openRedis(options, options.redisUrl) : await openPostgres(options);
  return buildConnection(backend, options.log);
}

function buildConnection(backend: Backend, log: Logger): QueueConnection {
  const queues = new Map<string, Queue>();
  const queue = (name: string): Queue => {
    const known = queues.get(name);
    if (known) return known;
    const opened = backend.openQueue(name);
    opened.on('error', outageTeller(log, name));
    queues.set(name, opened);
    return opened;
  };
  /** A queue that could not connect stays so for ever (HAZARDS, rule 2): it is thrown away and built anew. */
  const ready = async (name: string): Promise<Queue> => {
    const opened = queue(name);
    try {
      await withDeadline(`connect to queue ${name}`, CALL_DEADLINE_MS, opened.waitUntilReady());
      return opened;
    } catch (error) {
      queues.delete(name);
      opened.close().catch(() => {});
      throw error;
    }
  };
  const call = async <T>(what: string, name: string, work: (queue: Queue) => Promise<T>): Promise<T> =>
    withDeadline(`${what} (${name})`, CALL_DEADLINE_MS, work(await ready(name)));

  return {
    backend: backend.name,
    queue,
    open: ready,
    async startWorker(name, handle, settings) {
      await ready(name);
      return startQueueWorker(backend, name, handle, settings, log);
    },
    ensureJobs: (name, jobs) => call('ensure jobs', name, (q) => ensureJobs(q, jobs)),
    removeJobs: (name, ids) => call('remove jobs', name, (q) => removeJobs(q, ids)),
    readSchedulers: (name) =>
      call('read schedulers', name, (q) =>
        backend.redis
          ? readSchedulersFromRedis(backend.redis, `${backend.keyPrefix}:${name}`)
          : readSchedulers(q),
      ),
    upsertScheduler: (name, spec) => call('upsert scheduler', name, (q) => upsertScheduler(q, spec)),
    removeScheduler: async (name, id) => {
      await call('remove scheduler', name, (q) => q.removeJobScheduler(id));
    },
    waitingTails: (name) =>
      call('count waiting tails', name, async (q) => (await q.getCountsPerPriority([0]))['0'] ?? 0),
    isPaused: (name) => call('is paused', name, (q) => q.isPaused()),
    ping: () => withDeadline('ping', CALL_DEADLINE_MS, backend.ping()),
    async close({ deadlineMs }) {
      const closing = Promise.allSettled([...queues.values()].map((one) => one.close()));
      await withDeadline('close queues', deadlineMs, closing).catch(() => {});
      await backend.close();
    },
  };
}

async function openRedis(options: QueueOptions, url: string): Promise<Backend> {
  const { log, signal } = options;
  const shared = { lazyConnect: true, connectTimeout: 5_000, keepAlive: 15_000 };
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
      await withDeadline(`reach ${what}`, CALL_DEADLINE_MS, ping());
      return;
    } catch (error) {
      if (tries % 30 === 0)
        log.warn({ reason: asFleetError(error).message }, `${what} is not there yet; waiting for it`);
      await sleep(CONNECT_RETRY_MS, undefined, signal ? { signal } : {});
    }
  }
}
