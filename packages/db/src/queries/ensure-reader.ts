import type { Database } from '../connect.js';
import { DatabaseUnusableError, sqlStateOf } from '../errors.js';

const READER = 'candlefleet_reader';

/**
 * A role that may read everything and change nothing, with this password. Answers its name.
 * @throws DatabaseUnusableError with the statements for an administrator, when our own role may not make roles
 */
export async function ensureReader(db: Database, password: string): Promise<string> {
  const literal = `'${password.replaceAll("'", "''")}'`;
  const statements = [
    `DO $$ BEGIN CREATE ROLE ${READER} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$`,
    `ALTER ROLE ${READER} PASSWORD ${literal}`,
    `ALTER ROLE ${READER} SET default_transaction_read_only = on`,
    `GRANT USAGE ON SCHEMA public TO ${READER}`,
    `GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${READER}`,
    `ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO ${READER}`,
  ];
  for (const statement of statements) {
    try {
      await db.sql.unsafe(statement);
    } catch (thrown) {
      if (sqlStateOf(thrown) !== '42501') throw thrown;
      throw new DatabaseUnusableError(
        `The database role may not make a reader. Let an administrator run, in this database:\n  ${statements.join(';\n  ').replace(literal, "'…'")};`,
        thrown,
      );
    }
  }
  return READER;
}
