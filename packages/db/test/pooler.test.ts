import { createTestDatabase, startPooler, WITHOUT_POOLER, type Pooler } from '@candlefleet/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connectDatabase, type Database } from '../src/connect.js';
import { migrateDatabase } from '../src/migrate.js';

const SESSIONS = 3;

describe.skipIf(WITHOUT_POOLER)(`behind a pooler in transaction mode${WITHOUT_POOLER}`, () => {
  let pooler: Pooler;
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let db: Database;
  beforeAll(async () => {
    pooler = await startPooler(SESSIONS);
  });
  afterAll(() => pooler.stop());
  beforeEach(async () => {
    database = await createTestDatabase();
    db = connectDatabase({
      url: pooler.through(database.url),
      directUrl: database.url,
      applicationName: 'test',
    });
  });
  afterEach(async () => {
    await db.close();
    await database.drop();
  });

  /** Many statements at once, so that every session has some. */
  const look = () =>
    Promise.all(
      Array.from({ length: 4 * SESSIONS }, (_, index) =>
        db.run(
          'look at a session',
          (sql) => sql<{ pid: number; timeout: string; zone: string; index: number }[]>`
            select pg_backend_pid() as pid, current_setting('statement_timeout') as timeout,
              current_setting('TimeZone') as zone, ${index}::int as index from pg_sleep(0.02)`,
        ),
      ),
    ).then((answers) => answers.flat());

  test('statements share its sessions, and each gets its own answer', async () => {
    const seen = await look();
    expect(seen.map(({ index }) => index)).toEqual(seen.map((_, index) => index));
    expect(new Set(seen.map(({ pid }) => pid)).size).toBeLessThanOrEqual(SESSIONS);
    expect(new Set(seen.map(({ zone }) => zone))).toEqual(new Set(['UTC']));
  });

  test('its sessions get their timeouts from the role, once the database was migrated', async () => {
    // Not through the pooler: a session that it has open by then goes on without.
    await migrateDatabase(`${database.url}?application_name=migrating`, database.url);
    expect(new Set((await look()).map(({ timeout }) => timeout))).toEqual(new Set(['30s']));
  });

  test('a timeout that an administrator has set for the role stays', async () => {
    const { pathname, username } = new URL(database.url);
    await db.sql.unsafe(
      `alter role ${username} in database ${pathname.slice(1)} set statement_timeout = '7s'`,
    );
    await migrateDatabase(database.url, db.url);
    await migrateDatabase(database.url, db.url);
    const rows = await db.sql<{ setting: string }[]>`
      select unnest(setconfig) as setting from pg_db_role_setting
      where setdatabase = (select oid from pg_database where datname = current_database()) order by 1`;
    expect(rows.map(({ setting }) => setting)).toEqual([
      'TimeZone=UTC',
      'idle_in_transaction_session_timeout=30000',
      'lock_timeout=15000',
      'statement_timeout=7s',
    ]);
  });

  test('whoever takes it for the server itself is told what to set', async () => {
    await expect(migrateDatabase(db.url)).rejects.toMatchObject({
      code: 'database_unusable',
      message: expect.stringContaining('DATABASE_DIRECT_URL'),
    });
  });
});
