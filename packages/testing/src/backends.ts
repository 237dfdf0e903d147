import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';

export interface TestBackend {
  readonly name: 'redis' | 'postgres';
  /** The name, and why it is to be skipped: for the names of tests. */
  readonly label: string;
  /** Of the tests' Redis; undefined for the Postgres backend. */
  readonly redisUrl: string | undefined;
  /** To be skipped, and why. */
  readonly skipped: string | undefined;
}

/** Both stores that a queue can be in. */
export function queueBackends(): TestBackend[] {
  const redisUrl = process.env['TEST_REDIS_URL'] || undefined;
  return [
    { name: 'postgres', label: 'postgres', redisUrl: undefined, skipped: undefined },
    redisUrl
      ? { name: 'redis', label: 'redis', redisUrl, skipped: undefined }
      : { name: 'redis', label: 'redis [skipped: no Redis]', redisUrl, skipped: 'no Redis' },
  ];
}

/** A namespace that no other test has. */
export function testNamespace(): string {
  return `t${randomBytes(6).toString('hex')}`;
}

/** Removes a test's keys from Redis. */
export async function forgetNamespace(redisUrl: string | undefined, namespace: string): Promise<void> {
  if (!redisUrl) return;
  const redis = new Redis(redisUrl);
  try {
    for await (const keys of redis.scanStream({ match: `${namespace}:*`, count: 1_000 })) {
      if (keys.length > 0) await redis.unlink(...keys);
    }
  } finally {
    redis.disconnect();
  }
}
