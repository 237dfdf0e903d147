import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import { z } from 'zod';
import { sessionSettings } from './connect.js';
import { DatabaseUnusableError, sqlStateOf } from './errors.js';

/** Where drizzle-kit keeps the migrations, beside the built and the source folder alike. */
const MIGRATIONS = fileURLToPath(new URL('../drizzle', import.meta.url));
const MIGRATION_LOCK = 8_420_001;
const OLDEST_SERVER = 150_000;

export interface MigrateOptions {
  /** Others reach this server through a pooler, which takes no settings from them: their role gets these. */
  readonly isPooled?: boolean | undefined;
}

/**
 * Brings the database to this program's schema. Any number of processes may do this at once: one works, under an
 * advisory lock of the very session that migrates, the others wait and find it done.
 * @throws DatabaseUnusableError when the server is too old, the database too new, or the role lacks a right
 */
export async function migrateDatabase(url: string, { isPooled }: MigrateOptions = {}): Promise<void> {
  const sql = postgres(url, {
    max: 1,
    onnotice: () => {},
    connect_timeout: 10,
    connection: { TimeZone: 'UTC' },
  });
  try {
    await refuseOldServer(sql);
    await sql`select pg_advisory_lock(${MIGRATION_LOCK})`;
    await refuseNewerDatabase(sql);
    await migrate(drizzle(sql), { migrationsFolder: MIGRATIONS });
    if (isPooled) await setOnRole(sql, sessionSettings());
  } catch (thrown) {
    throw asUnusable(thrown);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** For this role in this database alone; sessions that begin from now on have them. */
async function setOnRole(sql: postgres.Sql, settings: Record<string, number>): Promise<void> {
  for (const [name, value] of Object.entries(settings)) {
    const [row] = await sql<{ statement: string }[]>`
      select format('alter role %I in database %I set %I = %L', current_user, current_database(), ${name}::text,
        ${String(value)}::text) as statement`;
    await sql.unsafe(row?.statement ?? '');
  }
}

async function refuseOldServer(sql: postgres.Sql): Promise<void> {
  const [row] = await sql<{ num: number; text: string }[]>`
    select current_setting('server_version_num')::int as num, current_setting('server_version') as text`;
  if (row && row.num < OLDEST_SERVER) {
    throw new DatabaseUnusableError(
      `The Postgres server is version ${row.text}; candlefleet needs 15 or newer. Upgrade it, or unset DATABASE_URL to use the embedded one.`,
    );
  }
}

async function refuseNewerDatabase(sql: postgres.Sql): Promise<void> {
  const [table] = await sql<{ exists: boolean }[]>`
    select to_regclass('drizzle.__drizzle_migrations') is not null as exists`;
  if (!table?.exists) return;
  const [row] = await sql<{ newest: number | null }[]>`
    select max(created_at)::float8 as newest from drizzle.__drizzle_migrations`;
  if (row?.newest && row.newest > newestMigrationMs()) {
    throw new DatabaseUnusableError(
      'The database was migrated by a newer candlefleet than this one. Update this program; going back needs a backup from before.',
    );
  }
}

const journalSchema = z.object({ entries: z.array(z.object({ when: z.number() })) });

function newestMigrationMs(): number {
  const journal = journalSchema.parse(JSON.parse(readFileSync(`${MIGRATIONS}/meta/_journal.json`, 'utf8')));
  return Math.max(...journal.entries.map((entry) => entry.when));
}

function asUnusable(thrown: unknown): unknown {
  if (sqlStateOf(thrown) !== '42501') return thrown;
  return new DatabaseUnusableError(
    'The database role may not set up the schema. If the extension is what is missing, let an administrator run, in this database:\n' +
      '  CREATE EXTENSION IF NOT EXISTS btree_gist;\n' +
      'Otherwise the role needs CREATE on the database and on schema public:\n' +
      '  GRANT CREATE ON DATABASE <database> TO <role>; GRANT CREATE ON SCHEMA public TO <role>;',
    thrown,
  );
}
