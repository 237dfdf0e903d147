import { connectDatabase, trackSymbols } from '@candlefleet/db';
import { connectQueues } from '@candlefleet/queue';
import { createTestDatabase, testNamespace } from '@candlefleet/testing';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { warnOfConnections } from './warn-of-connections.js';

const PROVIDERS = 100;
const symbolOf = (provider: string) => ({
  provider,
  symbol: 'A/B',
  assetClass: 'crypto' as const,
  calendar: '24x7',
  timeframes: ['1m' as const],
  historyFromMs: 0,
  historyToMs: undefined,
});

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
    await trackSymbols(
      db,
      Array.from({ length: PROVIDERS }, (_, n) => symbolOf(`p${n}`)),
      'test',
    );
    await warnOfConnections({ db, queues, log }, 'worker');
    // The pool, what is beside it, and each queue with its worker: one a provider, and that of the upkeep.
    expect(told).toMatchObject([{ needed: 6 + 2 + (PROVIDERS + 1) * (2 + 5) }]);
    expect(told[0]?.msg).toContain('raise max_connections');
  } finally {
    await queues.close({ deadlineMs: 5_000 });
    await db.close();
    await database.drop();
  }
});
