import postgres from 'postgres';
import { KEEPALIVES } from './connect.js';
import { withDeadline } from './deadline.js';

/** One of many processes leads; the others stand by. Held by a session of its own, so it ends with the process. */
export interface Leadership {
  /** Resolves when the lead is lost: the session broke, or nobody answers on it. */
  readonly lost: Promise<void>;
  release(): Promise<void>;
}

export interface LeadOptions {
  readonly url: string;
  readonly applicationName: string;
  readonly onNotify: (topic: string) => void;
  readonly retryMs: number;
  readonly signal: AbortSignal;
  readonly heartbeatMs?: number;
  /** How long any answer of this session is awaited. */
  readonly deadlineMs?: number;
}

export const LEADER_LOCK = 8_420_002;
const CHANNEL = 'candlefleet';
// Together less than the server's own keepalive takes to free the lock: a cut-off leader stops before the next begins.
const HEARTBEAT_MS = 5_000;
const DEADLINE_MS = 5_000;

/**
 * Waits until this process leads, then listens for what changes (topics `watchlist`, `backlog`; once at the start and
 * after each reconnect). Resolves with undefined when the signal ends the wait.
 * @throws the driver's error when the database cannot be reached, DatabaseSilentError
 */
export async function lead(options: LeadOptions): Promise<Leadership | undefined> {
  const { retryMs, signal, onNotify, heartbeatMs = HEARTBEAT_MS, deadlineMs = DEADLINE_MS } = options;
  let markLost = () => {};
  const lost = new Promise<void>((resolve) => {
    markLost = resolve;
  });
  const sql = openSession(options, () => markLost());
  let heartbeat: NodeJS.Timeout | undefined;
  const release = async () => {
    clearInterval(heartbeat);
    await sql.end({ timeout: 5 });
  };
  try {
    for (;;) {
      const asked = sql<{ leads: boolean }[]>`select pg_try_advisory_lock(${LEADER_LOCK}) as leads`;
      const [row] = await withDeadline('lead', deadlineMs, asked);
      if (row?.leads) break;
      await pause(retryMs, signal);
      if (signal.aborted) {
        await release();
        return undefined;
      }
    }
    // A session of its own for LISTEN: postgres.js opens one beside the pool.
    const listening = sql.listen(CHANNEL, onNotify, () => onNotify('watchlist'));
    await withDeadline('listen', deadlineMs, listening);
    heartbeat = setInterval(() => {
      withDeadline('heartbeat', deadlineMs, sql`select 1`).catch(() => markLost());
    }, heartbeatMs);
    return { lost, release };
  } catch (thrown) {
    await release();
    throw thrown;
  }
}

function openSession({ url, applicationName }: LeadOptions, onclose: () => void): postgres.Sql {
  return postgres(url, {
    max: 1,
    idle_timeout: 0,
    max_lifetime: null,
    connect_timeout: 10,
    keep_alive: 15,
    onnotice: () => {},
    onclose,
    connection: {
      application_name: applicationName,
      ...KEEPALIVES,
    },
  });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    if (signal.aborted) done();
    else signal.addEventListener('abort', done);
  });
}
