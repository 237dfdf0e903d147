import { connectDatabase } from '@candlefleet/db';
import { createTestDatabase, type TestDatabase } from '@candlefleet/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeDataDir, runProgram } from './program.js';

const folder = makeDataDir();
let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  const db = connectDatabase({ url: database.url, applicationName: 'test' });
  // Open, high, low, close: a high below its low, in a series that nobody knows.
  await db.sql`insert into market_data values (777, '2024-01-01 00:01Z', 1, 0, 1, 1, 0)`;
  await db.close();
});
afterAll(async () => {
  await database.drop();
  folder.remove();
});

const doctor = (flags: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  runProgram(['--data-dir', folder.dataDir, 'doctor', ...flags], { DATABASE_URL: database.url, ...env });

test('doctor --deep tells what breaks a rule, which row, and how to mend it, and ends with 1', async () => {
  const { code, stdout } = await doctor(['--deep']);
  expect(code).toBe(1);
  const broken = stdout.slice(stdout.indexOf('BAD  candles.valid')).split('\n').slice(0, 3);
  expect(broken[0]).toContain('1 candles whose prices contradict one another');
  expect(broken[1]).toContain(
    'seriesId 777, series ? ? ?, low 1, high 0, open 1, time 2024-01-01 00:01:00+00',
  );
  expect(broken[2]).toContain('→ No worker stores such candles');
});

test('doctor --deep --json says the same, also while the queue is silent', async () => {
  const { code, stdout } = await doctor(['--deep', '--json'], { REDIS_URL: 'redis://127.0.0.1:9' });
  expect(code).toBe(1);
  const { findings } = JSON.parse(stdout);
  expect(findings).toContainEqual(expect.objectContaining({ check: 'queue', ok: false }));
  expect(findings).toContainEqual(
    expect.objectContaining({
      check: 'candles.valid',
      ok: false,
      evidence: [expect.objectContaining({ seriesId: 777, high: '0' })],
      remedy: expect.any(String),
    }),
  );
});
