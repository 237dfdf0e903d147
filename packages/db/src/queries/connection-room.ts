import type { Database } from '../connect.js';

export interface ConnectionRoom {
  /** What the server gives to roles like ours. */
  readonly most: number;
  /** What it keeps back. */
  readonly reserved: number;
  /** What everybody together has open. */
  readonly inUse: number;
}

/** How many connections the server has, and how many are taken. */
export async function readConnectionRoom(db: Database): Promise<ConnectionRoom> {
  const [row] = await db.run(
    'connection room',
    // reserved_connections: from Postgres 16 on.
    (sql) => sql<ConnectionRoom[]>`
      select all_of_them - reserved as most, reserved, "inUse" from (
        select current_setting('max_connections')::int as all_of_them,
          current_setting('superuser_reserved_connections')::int
            + coalesce(current_setting('reserved_connections', true)::int, 0) as reserved,
          (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as "inUse") as room`,
  );
  return row ?? { most: 0, reserved: 0, inUse: 0 };
}

/** Open sessions in this database, by the name that each gave itself. */
export async function countSessions(db: Database): Promise<Map<string, number>> {
  const rows = await db.run(
    'count sessions',
    (sql) => sql<{ name: string; count: number }[]>`
      select application_name as name, count(*)::int as count from pg_stat_activity
      where backend_type = 'client backend' and datname = current_database() group by 1`,
  );
  return new Map(rows.map(({ name, count }) => [name, count]));
}
