import { Redis } from 'ioredis';
import postgres from 'postgres';

/**
 * What a store that lost its latest writes looks like: a queue's schedulers are there, the jobs of their next slots are
 * not. Reaches into BullMQ's own keys and tables, which no product code does.
 */
export async function loseScheduledJobs(store: {
  redisUrl: string | undefined;
  databaseUrl: string;
  namespace: string;
  queue: string;
}): Promise<void> {
  const { redisUrl, databaseUrl, namespace, queue } = store;
  if (!redisUrl) {
    const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
    await sql`delete from ${sql(namespace)}.job where queue = ${queue} and id like 'repeat:%'`.finally(() =>
      sql.end(),
    );
    return;
  }
  const redis = new Redis(redisUrl);
  try {
    const key = `${namespace}:${queue}`;
    for (const id of await redis.zrange(`${key}:delayed`, 0, '-1')) {
      await redis.zrem(`${key}:delayed`, id);
      await redis.del(`${key}:${id}`);
    }
  } finally {
    redis.disconnect();
  }
}
