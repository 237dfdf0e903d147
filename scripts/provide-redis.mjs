// Finds a Redis for the tests, or unpacks one into .candlefleet/tools: no root, no system service.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { freePort } from './free-port.mjs';
import { findUnpacked, unpackProgram } from './unpack-debs.mjs';

const SERVER = 'usr/bin/redis-server';
const PACKAGES = ['redis-server', 'redis-tools'];

/**
 * Starts a server of our own on a free port, or answers with how to get one. REDIS_URL stands above all: then nothing is
 * fetched, and tests that start a Redis of their own run where one is at hand already.
 */
export async function provideRedis(toolsDir) {
  const isGiven = Boolean(process.env.REDIS_URL);
  const place = path.join(toolsDir, 'redis');
  const atHand = onPath() ?? findUnpacked(place, SERVER);
  const found = atHand ?? (isGiven ? undefined : unpackProgram(place, SERVER, PACKAGES));
  const own = found
    ? { TEST_REDIS_SERVER: found.program, TEST_REDIS_LIBRARIES: found.env.LD_LIBRARY_PATH ?? '' }
    : {};
  if (isGiven) return { env: { ...own, TEST_REDIS_URL: process.env.REDIS_URL }, stop: async () => {} };
  if (!found) return { env: {}, hint: installHint(), stop: async () => {} };
  const folder = mkdtempSync(path.join(os.tmpdir(), 'candlefleet-redis-'));
  const port = await freePort();
  const flags = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--dir',
    folder,
    '--save',
    '',
    '--appendonly',
    'no',
  ];
  const child = spawn(found.program, [...flags, '--maxmemory-policy', 'noeviction'], {
    env: found.env,
    stdio: 'ignore',
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  return {
    env: { ...own, TEST_REDIS_URL: `redis://127.0.0.1:${port}` },
    async stop() {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function onPath() {
  for (const program of ['redis-server', 'valkey-server']) {
    if (spawnSync(program, ['--version']).status === 0) return { program, env: process.env };
  }
  return undefined;
}

function installHint() {
  if (process.platform === 'darwin') return 'brew install redis';
  if (existsSync('/etc/alpine-release')) return 'apk add redis';
  if (existsSync('/etc/redhat-release')) return 'dnf install valkey';
  if (existsSync('/etc/debian_version')) return 'apt-get install redis-server';
  return 'docker run -d -p 6379:6379 redis, then REDIS_URL=redis://127.0.0.1:6379 npm test';
}
