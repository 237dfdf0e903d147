import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { createTestDatabase, type TestDatabase } from '@candlefleet/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeDataDir, runProgram, startProgram } from './program.js';

let folder: ReturnType<typeof makeDataDir>;
const closing: (() => unknown)[] = [];
beforeEach(() => {
  folder = makeDataDir();
  closing.push(() => folder.remove());
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function makeDatabase(): Promise<TestDatabase> {
  const database = await createTestDatabase();
  closing.push(() => database.drop());
  return database;
}

/** A port on which somebody listens, and answers nothing. */
async function silentPort(): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => server.close());
  const address = server.address();
  return { server, port: typeof address === 'object' && address ? address.port : 0 };
}

const up = (...more: string[]) => ['--data-dir', folder.dataDir, 'up', '--source', 'replay', ...more];

test('while its processes wait for a Redis that is down, SIGTERM ends it: exit 0', async () => {
  const { url } = await makeDatabase();
  const program = startProgram(up(), { DATABASE_URL: url, REDIS_URL: 'redis://127.0.0.1:1' });
  await program.said('A first watchlist is written');
  await program.said('Still starting: producer (Redis is not there yet');
  const { code, stdout, stderr } = await program.end('SIGTERM');
  expect(stdout).not.toContain('is ready');
  expect(stderr).toContain('Stopped.');
  expect(code).toBe(0);
});

test('while a database does not answer, Ctrl-C ends it at once: exit 0', async () => {
  const { server, port } = await silentPort();
  const program = startProgram(up(), { DATABASE_URL: `postgres://u:p@127.0.0.1:${port}/d` });
  await once(server, 'connection');
  const { code } = await program.end('SIGINT');
  expect(code).toBe(0);
  expect(existsSync(path.join(folder.dataDir, 'owner.pid'))).toBe(false);
});

test('a port that is in use is told with its variable', async () => {
  const { port } = await silentPort();
  const { code, stderr } = await runProgram(up(), { DASHBOARD_PORT: String(port) });
  expect(stderr).toContain(`Port ${port} (DASHBOARD_PORT) is in use`);
  expect(code).toBe(2);
});

test('two that start at once, on two folders, are both ready, each with a dashboard of its own', async () => {
  const other = makeDataDir();
  closing.push(() => other.remove());
  const programs = await Promise.all(
    [folder, other].map(async ({ dataDir }) => {
      const { url } = await makeDatabase();
      const args = ['--data-dir', dataDir, 'up', '--source', 'replay'];
      return startProgram(args, { DATABASE_URL: url, UP_WORKERS: '1' });
    }),
  );
  await Promise.all(programs.map((program) => program.said('candlefleet is ready')));
  await Promise.all(programs.map((program) => program.said('Dashboard: ')));
  const urls = programs.map((program) => /Dashboard: (\S+)/.exec(program.all())?.[1]);
  expect(new Set(urls).size).toBe(2);
  for (const url of urls) expect((await fetch(url ?? '')).status).toBe(200);
  const ends = await Promise.all(programs.map((program) => program.end('SIGTERM')));
  expect(ends.map(({ code }) => code)).toEqual([0, 0]);
});

test('recordings that are not there are told, and not kept as the choice', async () => {
  const { url } = await makeDatabase();
  const { code, stderr } = await runProgram(up('--recordings', '/nowhere'), { DATABASE_URL: url });
  expect(stderr).toContain('/nowhere/recordings.json could not be read');
  expect(code).toBe(2);
  expect(existsSync(path.join(folder.dataDir, 'source.json'))).toBe(false);
});

test.each([
  [['--fault', 'fire'], 'there is no fault "fire"'],
  [['--source', 'lve'], 'there are auto, live and replay'],
  [['--source', 'live', '--seed', '3'], '--seed goes with --source replay'],
])('wrong flags %j are told before anything is started', async (flags, message) => {
  const { code, stdout, stderr } = await runProgram(['--data-dir', folder.dataDir, 'up', ...flags]);
  expect(stderr).toContain(message);
  expect(stdout).toBe('');
  expect(code).toBe(2);
});

test('killed with -9, the next start adopts its Postgres and goes on; SIGTERM ends that one: exit 0', async () => {
  const first = startProgram(up());
  await first.said('candlefleet is ready');
  const second = await runProgram(up());
  expect(second.stderr).toContain(`is in use by process ${first.pid}`);
  expect(second.code).toBe(1);

  await first.end('SIGKILL');
  const down = await runProgram(['--data-dir', folder.dataDir, 'status']);
  expect(down.code).toBe(3);
  const next = startProgram(up());
  await next.said('candlefleet is ready');
  expect(next.all()).toContain('was still running, and is adopted');
  const status = await runProgram(['--data-dir', folder.dataDir, 'status', '--json']);
  expect(JSON.parse(status.stdout).series).toHaveLength(9);
  const { code, stderr } = await next.end('SIGTERM');
  expect(stderr).toContain('Stopped.');
  expect(code).toBe(0);
  const reset = await runProgram(['--data-dir', folder.dataDir, 'reset', '--yes']);
  expect(reset.stdout).toContain('is empty again');
}, 120_000);
