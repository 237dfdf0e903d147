import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { waitUntil } from './wait-until.js';

export interface TestRedis {
  readonly url: string;
  /** Ends it as a power cut would: what it had not written is gone. */
  kill(): Promise<void>;
  /** Brings it up again on the same port and folder. */
  revive(): Promise<void>;
  /** Ends it for good; its folder goes too. */
  stop(): Promise<void>;
}

/** Whether this machine has a Redis of its own to start. */
export function canStartRedis(): boolean {
  return Boolean(process.env['TEST_REDIS_SERVER']);
}

/** A Redis of the test's own, with these flags, in a folder of its own. */
export async function startRedis(...flags: string[]): Promise<TestRedis> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'candlefleet-redis-'));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  let child = spawnRedis(folder, port, flags);
  await waitUntil('the Redis to answer', () => answers(url));
  const kill = async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  };
  return {
    url,
    kill,
    async revive() {
      child = spawnRedis(folder, port, flags);
      await waitUntil('the Redis to answer', () => answers(url));
    },
    async stop() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function spawnRedis(folder: string, port: number, flags: readonly string[]): ChildProcess {
  return spawn(
    process.env['TEST_REDIS_SERVER'] ?? 'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', ...flags],
    { env: { ...process.env, LD_LIBRARY_PATH: process.env['TEST_REDIS_LIBRARIES'] }, stdio: 'ignore' },
  );
}

async function answers(url: string): Promise<boolean> {
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
  redis.on('error', () => {});
  try {
    await redis.ping();
    return true;
  } catch {
    return false;
  } finally {
    redis.disconnect();
  }
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}
