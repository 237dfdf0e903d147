import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';

export interface TestDatabase {
  readonly url: string;
  /** Drops the database. @throws when a connection to it was leaked */
  drop(): Promise<void>;
}

const TEMPLATE = 'candlefleet_template';
const LEAK_PATIENCE_MS = 5_000;
const OBJECT_IN_USE = '55006';

let made = 0;

/** A migrated database of the test's own, cloned from the template; or an empty one. */
export async function createTestDatabase(options: { empty?: boolean } = {}): Promise<TestDatabase> {
  const name = `test_${process.pid}_${(made += 1)}`;
  const template = options.empty ? 'template0' : TEMPLATE;
  // Refused while another one is being cloned: then again.
  await asAdmin((sql) => retryWhileInUse(() => sql.unsafe(`create database ${name} template ${template}`)));
  const url = new URL(adminUrl());
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: () =>
      asAdmin(async (sql) => {
        try {
          await retryWhileInUse(() => sql.unsafe(`drop database ${name}`));
        } catch (error) {
          const left =
            await sql`select application_name, state, left(query, 80) as query from pg_stat_activity where datname = ${name}`;
          await sql.unsafe(`drop database if exists ${name} with (force)`);
          throw new Error(`connections were leaked: ${JSON.stringify(left)}`, { cause: error });
        }
      }),
  };
}

/** The server of the tests, as its superuser. */
export function adminUrl(): string {
  const url = process.env['TEST_POSTGRES_URL'];
  if (!url) throw new Error('This test needs its Postgres: run it with `npm test -- <path>`.');
  return url;
}

async function asAdmin<T>(work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(adminUrl(), { max: 1, onnotice: () => {} });
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

async function retryWhileInUse(work: () => Promise<unknown>): Promise<void> {
  for (const end = performance.now() + LEAK_PATIENCE_MS; ;) {
    try {
      await work();
      return;
    } catch (error) {
      const isInUse = error instanceof Error && 'code' in error && error.code === OBJECT_IN_USE;
      if (!isInUse || performance.now() > end) throw error;
      await sleep(20);
    }
  }
}
