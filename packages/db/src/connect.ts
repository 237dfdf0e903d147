import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { DatabaseError, DatabaseSilentError } from './errors.js';

export interface DatabaseOptions {
  readonly url: string;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** Connections at most. */
  readonly poolSize?: number;
  /** How long the client waits for any answer. */
  readonly deadlineMs?: number;
}

/** The warehouse. */
export interface Database {
  readonly url: string;
  readonly sql: postgres.Sql;
  readonly orm: PostgresJsDatabase;
  /** Runs one statement, with the client's own deadline. @throws DatabaseError, DatabaseSilentError */
  run<T extends readonly object[]>(
    what: string,
    statement: (sql: postgres.Sql) => postgres.PendingQuery<T>,
  ): Promise<T>;
  /** The database's clock in milliseconds. */
  clockMs(): Promise<number>;
  close(): Promise<void>;
}

const CLOSE_DEADLINE_SECONDS = 5;

/**
 * Connects lazily: nothing is sent before the first statement. Sessions carry timeouts and keepalives, so that a
 * frozen or cut-off client holds nothing up; a client that hears nothing gives up by itself (a statement timeout is the
 * server's, and does not help when the wire is cut).
 */
export function connectDatabase(options: DatabaseOptions): Database {
  const { url, applicationName, poolSize = 8, deadlineMs = 30_000 } = options;
  const sql = postgres(url, {
    max: poolSize,
    connect_timeout: 10,
    idle_timeout: 60,
    keep_alive: 15,
    onnotice: () => {},
    connection: {
      application_name: applicationName.slice(0, 63),
      statement_timeout: deadlineMs,
      lock_timeout: Math.round(deadlineMs / 2),
      idle_in_transaction_session_timeout: deadlineMs,
      TimeZone: 'UTC',
      tcp_keepalives_idle: 15,
      tcp_keepalives_interval: 5,
      tcp_keepalives_count: 3,
    },
  });
  const database: Database = {
    url,
    sql,
    orm: drizzle(sql),
    async run(what, statement) {
      const query = statement(sql);
      let timer: NodeJS.Timeout | undefined;
      const silence = new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          query.cancel();
          reject(new DatabaseSilentError(what, deadlineMs + 1_000));
        }, deadlineMs + 1_000);
      });
      try {
        return await Promise.race([query, silence]);
      } catch (thrown) {
        if (thrown instanceof DatabaseSilentError) throw thrown;
        throw new DatabaseError(what, thrown);
      } finally {
        clearTimeout(timer);
      }
    },
    async clockMs() {
      const [row] = await database.run(
        'clock',
        (q) => q<{ now: number }[]>`select to_ms(clock_timestamp()) as now`,
      );
      return row?.now ?? Number.NaN;
    },
    close: () => sql.end({ timeout: CLOSE_DEADLINE_SECONDS }),
  };
  return database;
}
