// Finds a Redis for the tests, or unpacks one into .candlefleet/tools: no root, no system service.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { freePort } from './free-port.mjs';

/**
 * Starts a server of our own on a free port, or answers with how to get one. REDIS_URL stands above all: then nothing is
 * fetched, and tests that start a Redis of their own run where one is at hand already.
 */
export async function provideRedis(toolsDir) {
  const isGiven = Boolean(process.env.REDIS_URL);
  const atHand = onPath() ?? program(path.join(toolsDir, 'redis'));
  const found = atHand ?? (isGiven ? undefined : unpack(toolsDir));
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

/** Debian and Ubuntu: the packages, downloaded with apt's own folders elsewhere, unpacked and not installed. */
function unpack(toolsDir) {
  const place = path.join(toolsDir, 'redis');
  if (spawnSync('apt-get', ['--version']).status !== 0) return undefined;
  const debs = path.join(place, 'debs');
  for (const folder of [debs, `${place}/lists/partial`, `${place}/cache/archives/partial`])
    mkdirSync(folder, { recursive: true });
  const options = [
    '-q',
    '-o',
    `Dir::State::lists=${place}/lists`,
    '-o',
    `Dir::Cache=${place}/cache`,
    '-o',
    'Debug::NoLocking=1',
  ];
  const apt = (tool, ...args) =>
    execFileSync(tool, [...options, ...args], {
      cwd: debs,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  try {
    console.error('Fetching a Redis for the tests into .candlefleet/tools …');
    apt('apt-get', 'update');
    const depends = apt(
      'apt-cache',
      'depends',
      '--no-recommends',
      '--no-suggests',
      'redis-server',
      'redis-tools',
    );
    const libraries = [...depends.matchAll(/Depends: (lib[^\s<>]+)/g)].map((match) => match[1]);
    const missing = [...new Set(libraries)].filter((name) => spawnSync('dpkg', ['-s', name]).status !== 0);
    apt('apt-get', 'download', 'redis-server', 'redis-tools', ...missing);
    for (const deb of readdirSync(debs)) execFileSync('dpkg', ['-x', path.join(debs, deb), place]);
    return program(place);
  } catch (error) {
    console.error(`It could not be fetched: ${error.stderr || error.message}`);
    return undefined;
  }
}

function program(place) {
  const file = path.join(place, 'usr/bin/redis-server');
  if (!existsSync(path.join(place, 'usr/bin'))) return undefined;
  const triplets = existsSync(path.join(place, 'usr/lib')) ? readdirSync(path.join(place, 'usr/lib')) : [];
  const folders = triplets.map((name) => path.join(place, 'usr/lib', name));
  const env = { ...process.env, LD_LIBRARY_PATH: folders.join(':') };
  return spawnSync(file, ['--version'], { env }).status === 0 ? { program: file, env } : undefined;
}

function installHint() {
  if (process.platform === 'darwin') return 'brew install redis';
  if (existsSync('/etc/alpine-release')) return 'apk add redis';
  if (existsSync('/etc/redhat-release')) return 'dnf install valkey';
  if (existsSync('/etc/debian_version')) return 'apt-get install redis-server';
  return 'docker run -d -p 6379:6379 redis, then REDIS_URL=redis://127.0.0.1:6379 npm test';
}
