import { Redis } from 'ioredis';
import postgres from 'postgres';
import { forgetNamespace } from './backends.js';

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

/** What a flushed Redis looks like, or queues in Postgres whose tables were emptied: no jobs, and no schedulers. */
export async function loseQueues(store: {
  redisUrl: string | undefined;
  databaseUrl: string;
  namespace: string;
}): Promise<void> {
  const { redisUrl, databaseUrl, namespace } = store;
  if (redisUrl) return forgetNamespace(redisUrl, namespace);
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  try {
    // All that BullMQ keeps, but for its own migrations.
    const tables = await sql<{ name: string }[]>`
      select format('%I.%I', schemaname, tablename) as name from pg_tables
      where schemaname = ${namespace} and tablename not like '%migration%'`;
    await sql.unsafe(`truncate ${tables.map((one) => one.name).join(', ')}`);
  } finally {
    await sql.end();
  }
}
