import postgres from 'postgres';
import { sessionTimeouts } from './connect.js';

const LOCK = 8_420_003;

/**
 * Sessions behind a pooler in transaction mode get their timeouts from the role that it connects as, in this database.
 * What an administrator has set there stays. Sessions that the pooler has open go on without, until it replaces them.
 */
export async function boundPooledSessions(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, prepare: false, connect_timeout: 10, onnotice: () => {} });
  const settings = Object.entries({ ...sessionTimeouts(), TimeZone: 'UTC' });
  const values = settings.map(([name, value]) => `('${name}', '${value}')`).join(', ');
  try {
    // Several processes may start at once: two changes of one role would fail.
    await sql.unsafe(`
      DO $$
      DECLARE v record;
      BEGIN
        PERFORM pg_advisory_xact_lock(${LOCK});
        FOR v IN SELECT n.name, n.value FROM (VALUES ${values}) n(name, value) WHERE NOT EXISTS (
          SELECT 1 FROM pg_db_role_setting s, unnest(s.setconfig) known
          WHERE s.setrole = current_user::regrole AND s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND lower(split_part(known, '=', 1)) = lower(n.name))
        LOOP
          EXECUTE format('ALTER ROLE %I IN DATABASE %I SET %s = %L', current_user, current_database(), v.name, v.value);
        END LOOP;
      END $$`);
  } finally {
    await sql.end({ timeout: 5 });
  }
}
