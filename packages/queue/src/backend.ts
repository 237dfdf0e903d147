import { createPostgresBackend, Queue, type Worker, type Processor, type WorkerOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import pg from 'pg';
import { withDeadline } from './deadline.js';
import { PatientWorker } from './patient-worker.js';
import { QUEUE_POOL, WORKER_POOL } from './queue-connections.js';
import { QueueSilentError } from './errors.js';

/** What differs between the two stores. Everything else in this package is the same for both. */
export interface Backend {
  readonly name: 'redis' | 'postgres';
  openQueue(name: string): Queue;
  openWorker(name: string, processor: Processor, options: Omit<WorkerOptions, 'connection'>): Worker;
  /** The client for reads that BullMQ has no cheap call for; Redis only. */
  readonly redis: Redis | undefined;
  readonly keyPrefix: string;
  /** @throws when nobody answers within the deadline; a connection that is silent is replaced */
  ping(deadlineMs: number): Promise<void>;
  close(): Promise<void>;
}

export interface PostgresBackendOptions {
  readonly databaseUrl: string;
  readonly schema: string;
  readonly applicationName: string;
  readonly ping: () => Promise<void>;
}

/** HAZARDS, rule 3: without query_timeout a black-holed socket hangs a worker for ever. */
export function createPostgresQueueBackend(options: PostgresBackendOptions): Backend {
  const connection = {
    connectionString: options.databaseUrl,
    schema: options.schema,
    migrate: true,
    keepAlive: true,
    query_timeout: 15_000,
    statement_timeout: 15_000,
    connectionTimeoutMillis: 5_000,
    application_name: options.applicationName.slice(0, 40),
    Client: ToleratingClient,
  };
  return {
    name: 'postgres',
    redis: undefined,
    keyPrefix: '',
    openQueue(name) {
      const pooled = { connection: { ...connection, max: QUEUE_POOL } };
      return generic(new Queue(name, pooled, createPostgresBackend));
    },
    openWorker(name, processor, rest) {
      const pooled = { ...rest, connection: { ...connection, max: WORKER_POOL } };
      return genericWorker(new PatientWorker(name, processor, pooled, createPostgresBackend));
    },
    ping: (deadlineMs) => withDeadline('ping', deadlineMs, options.ping()),
    close: async () => {},
  };
}

/**
 * BullMQ migrates on a client that it took from its pool and does not listen to: one that broke meanwhile would take
 * the process down. Whoever waits for its answer is told all the same.
 */
class ToleratingClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config);
    this.on('error', () => {});
  }
}

export function createRedisQueueBackend(options: {
  redis: Redis;
  workerRedis: Redis;
  prefix: string;
}): Backend {
  const { redis, workerRedis, prefix } = options;
  return {
    name: 'redis',
    redis,
    keyPrefix: prefix,
    openQueue: (name) => new Queue(name, { connection: redis, prefix }),
    openWorker: (name, processor, rest) =>
      new PatientWorker(name, processor, { ...rest, connection: workerRedis, prefix }),
    async ping(deadlineMs) {
      try {
        await withDeadline('ping', deadlineMs, redis.ping());
      } catch (error) {
        // After a failover a socket may be dead without a word: only a new one would ever hear an answer.
        if (error instanceof QueueSilentError) redis.disconnect(true);
        throw error;
      }
    },
    close: async () => {
      redis.disconnect();
      workerRedis.disconnect();
    },
  };
}

// BullMQ types a queue by its backend; the calls that we use are the same on both, as the contract suite shows.
function generic(queue: unknown): Queue {
  return queue as Queue;
}

function genericWorker(worker: unknown): Worker {
  return worker as Worker;
}
