import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createTestDatabase } from '@candlefleet/testing';
import postgres from 'postgres';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { migrateDatabase } from '../src/migrate.js';

const BUILT = fileURLToPath(new URL('../dist/index.js', import.meta.url));

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let sql: postgres.Sql;
beforeEach(async () => {
  database = await createTestDatabase({ empty: true });
  sql = postgres(database.url, { max: 1, onnotice: () => {} });
});
afterEach(async () => {
  await sql.end();
  await database.drop();
});

async function migrateInAProcess(url: string): Promise<string> {
  const program = `import { migrateDatabase } from ${JSON.stringify(BUILT)}; await migrateDatabase(${JSON.stringify(url)});`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let told = '';
  child.stderr.on('data', (part: Buffer) => (told += part.toString()));
  const [code] = await once(child, 'exit');
  return code === 0 ? 'ok' : told;
}

test('ten processes that start at once on an empty database all find it migrated', async () => {
  const endings = await Promise.all(Array.from({ length: 10 }, () => migrateInAProcess(database.url)));
  expect(endings).toEqual(Array.from({ length: 10 }, () => 'ok'));
  const [row] =
    await sql`select count(*)::int as tables from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`;
  expect(row?.['tables']).toBeGreaterThan(10);
});

test('a second migration changes nothing', async () => {
  await migrateDatabase(database.url);
  const before = await sql`select * from drizzle.__drizzle_migrations order by id`;
  await migrateDatabase(database.url);
  expect([...(await sql`select * from drizzle.__drizzle_migrations order by id`)]).toEqual([...before]);
});

test('the timeouts that a role carries do not bound a migration', async () => {
  const { username, pathname } = new URL(database.url);
  await sql.unsafe(`alter role ${username} in database ${pathname.slice(1)} set statement_timeout = '1ms'`);
  await migrateDatabase(database.url);
  const [row] = await sql`select to_regclass('market_data') is not null as migrated`;
  expect(row).toEqual({ migrated: true });
});

test('a database that is newer than the program is refused', async () => {
  await migrateDatabase(database.url);
  await sql`insert into drizzle.__drizzle_migrations (hash, created_at) values ('of the future', ${Date.UTC(2999, 0, 1)})`;
  await expect(migrateDatabase(database.url)).rejects.toMatchObject({
    code: 'database_unusable',
    message: expect.stringContaining('newer candlefleet'),
  });
});

test('a role without the right to make the extension gets the exact statement for an administrator', async () => {
  const role = `weak_${process.pid}`;
  await sql.unsafe(`create role ${role} login password 'weak'`);
  const url = new URL(database.url);
  url.username = role;
  url.password = 'weak';
  try {
    await expect(migrateDatabase(url.href)).rejects.toMatchObject({
      code: 'database_unusable',
      message: expect.stringContaining('CREATE EXTENSION IF NOT EXISTS btree_gist'),
    });
  } finally {
    await sql.unsafe(`drop role ${role}`);
  }
});
