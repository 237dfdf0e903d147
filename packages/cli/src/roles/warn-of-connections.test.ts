import { connectDatabase } from '@candlefleet/db';
import { connectQueues } from '@candlefleet/queue';
import { createTestDatabase, testNamespace } from '@candlefleet/testing';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { warnOfConnections } from './warn-of-connections.js';

test('a role that may need more connections than Postgres has left says so in one line, and else nothing', async () => {
  const told: { needed?: number; msg: string }[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void told.push(JSON.parse(line)) });
  const database = await createTestDatabase();
  const db = connectDatabase({ url: database.url, applicationName: 'test', poolSize: 3 });
  const queues = await connectQueues({
    databaseUrl: database.url,
    namespace: testNamespace(),
    applicationName: 'test',
    log,
  });
  try {
    await warnOfConnections({ db, queues, log }, 'dashboard');
    expect(told).toEqual([]);
    // A fleet with very many queues: what one of them needs is asked of the backend.
    await warnOfConnections({ db, queues: { connectionsOf: () => 100_000 }, log }, 'worker');
    // The pool, what is beside it, and the queues.
    expect(told).toMatchObject([{ needed: 6 + 2 + 100_000 }]);
    expect(told[0]?.msg).toContain('raise max_connections');
  } finally {
    await queues.close({ deadlineMs: 5_000 });
    await db.close();
    await database.drop();
  }
});
