import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { withDeadline } from './deadline.js';
import { DatabaseError, DatabaseSilentError } from './errors.js';

export interface DatabaseOptions {
  readonly url: string;
  /** The server itself, where `url` is a pooler in transaction mode: there a session of one's own does not last. */
  readonly directUrl?: string | undefined;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** Connections at most. */
  readonly poolSize?: number;
  /** How long the server works on a statement; the client waits a second longer for its answer. */
  readonly deadlineMs?: number;
}

/** The warehouse. */
export interface Database {
  readonly url: string;
  /** For what needs a session: locks of its own, LISTEN. The same as `url` without a pooler. */
  readonly directUrl: string;
  /** Connections at most. */
  readonly poolSize: number;
  /** The pool of now: a silent one is replaced, so nobody keeps it. */
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
const DEADLINE_MS = 30_000;
const POOL_SIZE = 8;
/** A server finds out within half a minute that its client is gone. */
export const KEEPALIVES = {
  tcp_keepalives_idle: 15,
  tcp_keepalives_interval: 5,
  tcp_keepalives_count: 3,
};

/**
 * Connects lazily: nothing is sent before the first statement. Sessions carry timeouts and keepalives, so that a
 * frozen or cut-off client holds nothing up; a client that hears nothing gives up by itself (a statement timeout is the
 * server's, and does not help when the wire is cut).
 */
export function connectDatabase(options: DatabaseOptions): Database {
  // The server gives up first, and says so: silence is the wire's.
  const patienceMs = (options.deadlineMs ?? DEADLINE_MS) + 1_000;
  let pool = openPool(options);
  const retired = new Set<Promise<void>>();

  /** The driver pipelines on to sockets that hang (HAZARDS 26): after a silence the next statement has a fresh pool. */
  function retire(silent: Pool): void {
    if (silent !== pool) return;
    pool = openPool(options);
    const ending = silent.sql
      .end({ timeout: CLOSE_DEADLINE_SECONDS })
      .finally(() => void retired.delete(ending));
    retired.add(ending);
  }

  const database: Database = {
    url: options.url,
    directUrl: options.directUrl ?? options.url,
    poolSize: options.poolSize ?? POOL_SIZE,
    get sql() {
      return pool.sql;
    },
    get orm() {
      return pool.orm;
    },
    async run(what, statement) {
      const used = pool;
      try {
        return await withDeadline(what, patienceMs, statement(used.sql));
      } catch (thrown) {
        if (!(thrown instanceof DatabaseSilentError)) throw new DatabaseError(what, thrown);
        retire(used);
        throw thrown;
      }
    },
    async clockMs() {
      const [row] = await database.run(
        'clock',
        (q) => q<{ now: number }[]>`select to_ms(clock_timestamp()) as now`,
      );
      return row?.now ?? Number.NaN;
    },
    async close() {
      await Promise.all([pool.sql.end({ timeout: CLOSE_DEADLINE_SECONDS }), ...retired]);
    },
  };
  return database;
}

interface Pool {
  readonly sql: postgres.Sql;
  readonly orm: PostgresJsDatabase;
}

function openPool({
  url,
  directUrl = url,
  applicationName,
  poolSize = POOL_SIZE,
  deadlineMs = DEADLINE_MS,
}: DatabaseOptions): Pool {
  // A pooler hands each statement to another session: nothing is prepared there, and the role carries the timeouts.
  const isPooled = directUrl !== url;
  const sql = postgres(url, {
    prepare: !isPooled,
    // Nor may a statement be sent behind another: the session is given away between the two, and the second's answer is
    // lost (pgbouncer 1.18, Supavisor). With 0, postgres.js 3.4.9 cannot `begin`: transactions are functions here.
    ...(isPooled ? { max_pipeline: 0 } : {}),
    max: poolSize,
    connect_timeout: 10,
    idle_timeout: 60,
    keep_alive: 15,
    onnotice: () => {},
    connection: {
      application_name: applicationName.slice(0, 63),
      TimeZone: 'UTC',
      ...(isPooled ? {} : sessionSettings(deadlineMs)),
    },
  });
  return { sql, orm: drizzle(sql) };
}

/** Neither a frozen client nor a cut wire holds anybody up for longer than this. */
export function sessionSettings(deadlineMs = DEADLINE_MS) {
  return {
    statement_timeout: deadlineMs,
    lock_timeout: Math.round(deadlineMs / 2),
    idle_in_transaction_session_timeout: deadlineMs,
    ...KEEPALIVES,
  };
}
