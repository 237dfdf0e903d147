import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import type { Finding } from './check.js';
import { createHealth, type Health } from './create-health.js';
import { serveProbes, type ProbeServer } from './serve-probes.js';

const log = pino({ level: 'silent' });
let health: Health;
let server: ProbeServer | undefined;
afterEach(async () => {
  health.close();
  await server?.close();
});

const WELL: Finding = { ok: true, found: 'answers', remedy: 'Start it.' };

test('a probe tells each check, since when it fails, and what to do about it', () => {
  let nowMs = Date.UTC(2024, 0, 1);
  let finding = WELL;
  health = createHealth({ clock: { nowMs: () => nowMs }, log });
  health.watch('readyz', { name: 'Postgres', look: () => finding });
  const since = new Date(nowMs).toISOString();
  expect(health.answer('readyz')).toEqual({
    status: 200,
    body: { status: 'ok', checks: [{ check: 'Postgres', ok: true, found: 'answers', since }] },
  });
  nowMs += 60_000;
  finding = { ok: false, found: 'does not answer', remedy: 'Start it.' };
  const failedSince = new Date(nowMs).toISOString();
  health.answer('readyz');
  nowMs += 60_000;
  expect(health.answer('readyz')).toEqual({
    status: 503,
    body: { status: 'failed', checks: [{ check: 'Postgres', ...finding, since: failedSince }] },
  });
  expect(health.answer('healthz')).toMatchObject({ status: 200, body: { checks: [] } });
});

test('the probes are served on their own port, and nothing else is', async () => {
  health = createHealth({ clock: { nowMs: () => 0 }, log });
  health.watch('healthz', { name: 'progress', look: () => ({ ok: false, found: 'stuck' }) });
  server = await serveProbes(health, { host: '127.0.0.1', port: 0 });
  const status = async (path: string) => (await fetch(`${server?.url}${path}`)).status;
  expect([await status('/healthz'), await status('/readyz'), await status('/')]).toEqual([503, 200, 404]);
  const port = Number(new URL(server.url).port);
  await expect(serveProbes(health, { host: '127.0.0.1', port })).rejects.toMatchObject({
    code: 'bad_input',
    message: expect.stringContaining('HEALTH_PORT'),
  });
});
