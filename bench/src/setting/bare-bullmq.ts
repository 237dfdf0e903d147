import { createPostgresBackend, Worker } from 'bullmq';
import { Redis } from 'ioredis';

export interface BareWorker {
  close(): Promise<void>;
}

/** A BullMQ worker with an empty processor, on the same jobs; its connection as a worker of ours has it. */
export async function startBareWorker(options: {
  queue: string;
  redisUrl: string | undefined;
  databaseUrl: string;
  namespace: string;
  concurrency: number;
}): Promise<BareWorker> {
  const { queue, redisUrl, databaseUrl, namespace, concurrency } = options;
  const empty = async () => ({ note: 'done' });
  if (!redisUrl) {
    const connection = { connectionString: databaseUrl, schema: namespace, max: 4 };
    const worker = new Worker(queue, empty, { connection, concurrency }, createPostgresBackend);
    await worker.waitUntilReady();
    return worker;
  }
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
  const worker = new Worker(queue, empty, { connection, prefix: namespace, concurrency });
  await worker.waitUntilReady();
  return {
    async close() {
      await worker.close();
      connection.disconnect();
    },
  };
}
