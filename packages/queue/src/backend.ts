import { createPostgresBackend, Queue, Worker, type Processor, type WorkerOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import pg from 'pg';

/** What differs between the two stores. Everything else in this package is the same for both. */
export interface Backend {
  readonly name: 'redis' | 'postgres';
  openQueue(name: string): Queue;
  openWorker(name: string, processor: Processor, options: Omit<WorkerOptions, 'connection'>): Worker;
  /** The client for reads that BullMQ has no cheap call for; Redis only. */
  readonly redis: Redis | undefined;
  readonly keyPrefix: string;
  ping(): Promise<void>;
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
    max: 4,
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
    openQueue: (name) => generic(new Queue(name, { connection }, createPostgresBackend)),
    openWorker: (name, processor, rest) =>
      genericWorker(new Worker(name, processor, { ...rest, connection }, createPostgresBackend)),
    ping: options.ping,
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
      new Worker(name, processor, { ...rest, connection: workerRedis, prefix }),
    ping: async () => {
      await redis.ping();
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
