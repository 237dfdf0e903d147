import type { Database } from '../connect.js';

export interface ConnectionRoom {
  /** What the server gives to roles like ours. */
  readonly most: number;
  /** What everybody together has open. */
  readonly inUse: number;
}

/** How many connections the server has, and how many are taken. */
export async function readConnectionRoom(db: Database): Promise<ConnectionRoom> {
  const [row] = await db.run(
    'connection room',
    // reserved_connections: from Postgres 16 on.
    (sql) => sql<ConnectionRoom[]>`
      select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
          - coalesce(current_setting('reserved_connections', true)::int, 0) as most,
        (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as "inUse"`,
  );
  return row ?? { most: 0, inUse: 0 };
}
