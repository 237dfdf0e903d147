import { createTestDatabase, startPooler, WITHOUT_POOLER, type Pooler } from '@candlefleet/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectDatabase } from '../src/connect.js';
import { migrateDatabase } from '../src/migrate.js';
import { reapExecutions } from '../src/queries/reap-executions.js';

describe.skipIf(WITHOUT_POOLER)(`behind a pooler in transaction mode ${WITHOUT_POOLER ?? ''}`, () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let pooler: Pooler;
  beforeEach(async () => {
    database = await createTestDatabase();
    pooler = await startPooler(database.url);
  });
  afterEach(async () => {
    await pooler.close();
    await database.drop();
  });

  const connect = (limits: { poolSize: number; deadlineMs?: number }) =>
    connectDatabase({ url: pooler.url, directUrl: database.url, applicationName: 'test', ...limits });

  test('statements share its sessions, and each gets its own answer', async () => {
    const db = connect({ poolSize: 20 });
    try {
      const asked = Array.from({ length: 60 }, (_, index) => index);
      const answers = await Promise.all(
        asked.map((index) =>
          db.run(
            'ask',
            (sql) => sql<{ pid: number; index: number }[]>`
              select pg_backend_pid() as pid, ${index}::int as index from pg_sleep(0.01)`,
          ),
        ),
      );
      expect(answers.flat().map(({ index }) => index)).toEqual(asked);
      expect(new Set(answers.flat().map(({ pid }) => pid)).size).toBeLessThan(db.poolSize);
    } finally {
      await db.close();
    }
  });

  test('statements that gather on one connection are all answered', async () => {
    const db = connect({ poolSize: 1, deadlineMs: 4_000 });
    try {
      // One without parameters would take the next one along in its packet: the pooler gives the session away between
      // the two, and what answers the second is lost.
      for (let round = 0; round < 300; round += 1)
        expect(await Promise.all([db.clockMs(), reapExecutions(db)])).toEqual([expect.any(Number), []]);
    } finally {
      await db.close();
    }
  });

  test('whoever takes it for the server itself is told what to set', async () => {
    await expect(migrateDatabase(pooler.url)).rejects.toMatchObject({
      code: 'database_unusable',
      message: expect.stringContaining('DATABASE_DIRECT_URL'),
    });
  });
});
