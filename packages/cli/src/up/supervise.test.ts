import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { waitUntil } from '@candlefleet/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSupervisor, type Supervisor } from './supervise.js';

let folder: string;
let told: string[];
let supervisor: Supervisor;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'candlefleet-supervise-'));
  told = [];
});
afterEach(async () => {
  await supervisor.stop(supervisor.names, 5_000);
  rmSync(folder, { recursive: true, force: true });
});

/** A process that does this at its first launch, its second, and so on; the last one again and again. */
function supervise(...lives: string[]) {
  const program = path.join(folder, 'program.mjs');
  const launches = path.join(folder, 'launches');
  writeFileSync(launches, '');
  writeFileSync(
    program,
    `import { appendFileSync, readFileSync } from 'node:fs';
    appendFileSync(${JSON.stringify(launches)}, 'x');
    const lives = [${lives.map((life) => `() => { ${life} }`).join(', ')}];
    const n = readFileSync(${JSON.stringify(launches)}, 'utf8').length;
    setInterval(() => {}, 1_000);
    lives[Math.min(n, lives.length) - 1]();`,
  );
  supervisor = createSupervisor(program, folder, (line) => told.push(line), {
    askMs: 20,
    answerMs: 500,
    endMs: 200,
  });
  return {
    start: () => supervisor.start({ name: 'worker-1', args: [], env: process.env }),
    launches: () => readFileSync(launches, 'utf8').length,
  };
}

const READY = 'process.send({ ready: true, port: 7 });';

test('a process that dies before it is ready is started again, and the start goes on to wait for it', async () => {
  const { start, launches } = supervise('console.log("no luck"); process.exit(1)', READY);
  expect(await start()).toMatchObject({ port: 7 });
  expect(launches()).toBe(2);
  expect(told).toHaveLength(1);
  expect(told[0]).toContain('worker-1 ended (exit code 1); starting it again in 0.5 s. It said: no luck');
});

test('one that refuses what it was told is not: the start says its last words of this launch', async () => {
  writeFileSync(path.join(folder, 'worker-1.log'), 'words of yesterday\n');
  const { start, launches } = supervise('console.error("no such port"); process.exit(2)');
  await expect(start()).rejects.toMatchObject({
    code: 'bad_input',
    message: 'worker-1 could not start (exit code 2):\nno such port',
  });
  expect(launches()).toBe(1);
  expect(supervisor.names).toEqual([]);
});

test('once it was ready, the same exit code is a death like any other', async () => {
  const { start, launches } = supervise(`${READY} setTimeout(() => process.exit(2), 50)`, READY);
  await start();
  await waitUntil('a second launch', () => launches() === 2);
  expect(told[0]).toContain('worker-1 ended (exit code 2); starting it again');
});

test('one that keeps dying waits longer each time', async () => {
  const { start } = supervise('process.exit(1)', 'process.exit(1)', READY);
  await start();
  expect(told.map((line) => /again in ([\d.]+) s/.exec(line)?.[1])).toEqual(['0.5', '1']);
});

test('those that are not ready are named, with the last line of their log', async () => {
  const { start } = supervise(
    'console.log(JSON.stringify({ level: 40, reason: "ECONNREFUSED", msg: "Redis is not there yet" }))',
  );
  void start();
  await waitUntil('its log', () => supervisor.starting[0]?.lastWords);
  expect(supervisor.starting).toEqual([
    { name: 'worker-1', lastWords: 'Redis is not there yet: ECONNREFUSED' },
  ]);
});

/** Serves /healthz with this status, and says where. */
const serving = (status: number, then = '') => `import('node:http').then(({ createServer }) => {
    const body = JSON.stringify({ checks: [{ check: 'progress', ok: ${status === 200}, found: 'jobs wait' }] });
    const server = createServer((request, response) => { response.writeHead(${status}).end(body); });
    server.listen(0, '127.0.0.1', () => {
      process.send({ ready: true, probes: 'http://127.0.0.1:' + server.address().port });
      ${then}
    });
  });`;

test('one that says it is not well is ended and started again, with the reason', async () => {
  const { start, launches } = supervise(serving(503), serving(200));
  await start();
  await waitUntil('a second launch', () => launches() === 2);
  expect(told[0]).toBe('worker-1 is not well, and is ended: progress: jobs wait.');
  expect(told[1]).toContain('worker-1 ended (SIGTERM); starting it again');
});

test('one that stands still answers nothing, and is killed and started again', async () => {
  const { start, launches } = supervise(serving(200, "process.kill(process.pid, 'SIGSTOP');"), serving(200));
  await start();
  await waitUntil('a second launch', () => launches() === 2);
  expect(told[0]).toBe('worker-1 is not well, and is ended: its /healthz does not answer.');
  expect(told[1]).toContain('worker-1 ended (SIGKILL); starting it again');
});

test('a stop before it is ready ends it, and is clean', async () => {
  const { start, launches } = supervise('');
  void start();
  await waitUntil('its launch', () => launches() === 1);
  expect(await supervisor.stop(['worker-1'], 5_000)).toBe(true);
});

test('a stop while it waits for its next launch leaves nothing behind', async () => {
  const { start, launches } = supervise('process.exit(1)');
  void start();
  await waitUntil('its death', () => told.length === 1);
  expect(await supervisor.stop(['worker-1'], 5_000)).toBe(true);
  expect(launches()).toBe(1);
});

test('one that does not end in time is killed, which is not clean', async () => {
  const { start } = supervise(`process.on("SIGTERM", () => {}); ${READY}`);
  await start();
  expect(await supervisor.stop(['worker-1'], 100)).toBe(false);
});
