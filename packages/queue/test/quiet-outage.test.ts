import { adminUrl, createTestDatabase, startWire, testNamespace, waitUntil } from '@candlefleet/testing';
import pg from 'pg';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { connectQueues } from '../src/connect-queues.js';

const WATCHED_MS = 3_000;
const CLOSE = { deadlineMs: 5_000 };

test('while Postgres refuses everybody, a worker of its queues tries seldom and tells seldom', async () => {
  const told: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void told.push(line) });
  const database = await createTestDatabase({ empty: true });
  const wire = await startWire(database.url);
  const name = new URL(database.url).pathname.slice(1);
  const admin = new pg.Client({ connectionString: adminUrl() });
  await admin.connect();
  const queues = await connectQueues({
    databaseUrl: wire.url,
    namespace: testNamespace(),
    applicationName: 'test',
    log,
  });
  try {
    const handle = async () => ({ do: 'complete' }) as const;
    const worker = await queues.startWorker('q', handle, { concurrency: 16, lockDurationMs: 2_000 });
    // Refused after the connection is made: not what BullMQ calls a connection error.
    await admin.query(`alter database ${name} allow_connections false`);
    await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`);
    await waitUntil('the worker to be told', () => told.length > 0);
    const before = { served: wire.served, cpu: process.cpuUsage() };
    await new Promise((resolve) => setTimeout(resolve, WATCHED_MS));
    const cpu = process.cpuUsage(before.cpu);
    expect(wire.served - before.served).toBeLessThan((3 * WATCHED_MS) / 1_000);
    expect((cpu.user + cpu.system) / 1_000 / WATCHED_MS).toBeLessThan(0.2);
    expect(told.length).toBeLessThan(4);
    await admin.query(`alter database ${name} allow_connections true`);
    expect(worker.isRunning).toBe(true);
    await worker.close(CLOSE);
  } finally {
    await queues.close(CLOSE);
    await admin.end();
    await wire.close();
    await database.drop();
  }
});
