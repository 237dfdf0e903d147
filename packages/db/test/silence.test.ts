import { createTestDatabase, startWire, waitUntil, type TestDatabase, type Wire } from '@candlefleet/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectDatabase } from '../src/connect.js';
import { lead } from '../src/leader.js';

let database: TestDatabase;
let wire: Wire;
beforeEach(async () => {
  database = await createTestDatabase();
  wire = await startWire(database.url);
});
afterEach(async () => {
  await wire.close();
  await database.drop();
});

test('after a silence the next statement works within its deadline, though the old sockets hang for ever', async () => {
  const db = connectDatabase({ url: wire.url, applicationName: 'test', poolSize: 1, deadlineMs: 1_000 });
  await db.clockMs();
  wire.swallow();
  await expect(db.clockMs()).rejects.toMatchObject({ code: 'database_silent' });
  wire.reroute();
  expect(await db.clockMs()).toBeGreaterThan(0);
  await db.close();
});

test('a statement that fails in time does not cost the pool', async () => {
  const db = connectDatabase({ url: wire.url, applicationName: 'test', poolSize: 2, deadlineMs: 1_000 });
  const { sql } = db;
  await expect(db.run('nonsense', (q) => q`select 1 / 0`)).rejects.toMatchObject({ sqlState: '22012' });
  expect(db.sql).toBe(sql);
  await db.close();
});

test('a leader that nobody answers any more loses the lead, and another takes over', async () => {
  const stop = new AbortController();
  const options = { applicationName: 'test', onNotify: () => {}, retryMs: 50, signal: stop.signal };
  const first = await lead({ ...options, url: wire.url, heartbeatMs: 100, deadlineMs: 500 });
  const standingBy = lead({ ...options, url: database.url });
  let hasLost = false;
  void first?.lost.then(() => (hasLost = true));
  wire.swallow();
  await waitUntil('the lead to be lost', () => hasLost, 5_000);
  await first?.release();
  const second = await standingBy;
  expect(second).toBeDefined();
  await second?.release();
});

test('one that stands by on a silent wire says so instead of waiting for ever', async () => {
  wire.swallow();
  const options = { applicationName: 'test', onNotify: () => {}, retryMs: 50, deadlineMs: 500 };
  const leading = lead({ ...options, url: wire.url, signal: new AbortController().signal });
  await expect(leading).rejects.toMatchObject({ code: 'database_silent' });
});
