import postgres from 'postgres';

/** One of many processes leads; the others stand by. Held by a session of its own, so it ends with the process. */
export interface Leadership {
  /** Rejects or resolves when the lead is lost: the session broke. */
  readonly lost: Promise<void>;
  release(): Promise<void>;
}

const LEADER_LOCK = 8_420_002;
const CHANNEL = 'candlefleet';

/**
 * Waits until this process leads, then listens for what changes (topics `watchlist`, `backlog`; once at the start and
 * after each reconnect). Resolves with undefined when the signal ends the wait.
 * @throws the driver's error when the database cannot be reached
 */
export async function lead(options: {
  url: string;
  applicationName: string;
  onNotify: (topic: string) => void;
  retryMs: number;
  signal: AbortSignal;
}): Promise<Leadership | undefined> {
  let markLost = () => {};
  const lost = new Promise<void>((resolve) => {
    markLost = resolve;
  });
  const sql = postgres(options.url, {
    max: 1,
    idle_timeout: 0,
    max_lifetime: null,
    connect_timeout: 10,
    keep_alive: 15,
    onnotice: () => {},
    onclose: () => markLost(),
    connection: {
      application_name: options.applicationName,
      tcp_keepalives_idle: 15,
      tcp_keepalives_interval: 5,
      tcp_keepalives_count: 3,
    },
  });
  // A session of its own for LISTEN: postgres.js opens one beside the pool.
  const release = async () => {
    await sql.end({ timeout: 5 });
  };
  try {
    for (;;) {
      const [row] = await sql<{ leads: boolean }[]>`select pg_try_advisory_lock(${LEADER_LOCK}) as leads`;
      if (row?.leads) break;
      await pause(options.retryMs, options.signal);
      if (options.signal.aborted) {
        await release();
        return undefined;
      }
    }
    await sql.listen(CHANNEL, options.onNotify, () => options.onNotify('watchlist'));
    return { lost, release };
  } catch (thrown) {
    await release();
    throw thrown;
  }
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
