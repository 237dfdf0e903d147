import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a wire does to the bytes on it, in each direction. */
export interface Weather {
  readonly latencyMs?: number;
  /** The latency is this much more or less, evenly spread. */
  readonly jitterMs?: number;
  readonly bytesPerSecond?: number;
}

/** A wire to a server that can be cut, slowed, and made to swallow all that is sent. */
export interface Wire {
  readonly url: string;
  /** Connections that are open now. */
  readonly connections: number;
  /** Connections that were ever opened. */
  readonly served: number;
  /** Connections are reset, new ones refused. */
  cut(): Promise<void>;
  /** Connections are reset (RST), new ones served. */
  reset(): void;
  /** From now on, also for connections that are open. */
  slow(weather: Weather): void;
  /** Connections stay, and nobody answers any more. */
  swallow(): void;
  /** What is sent arrives, and its answers do not: outcomes are unknown. */
  swallowAnswers(): void;
  /** What was cut, slowed or swallowed is no more. */
  restore(): Promise<void>;
  /** New connections are served; what was swallowed stays silent, and is not told. */
  reroute(): void;
  /** One connection, by the port that the server sees, falls silent for good: what a failover leaves behind. */
  silence(port: number): void;
  close(): Promise<void>;
}

/** A drip comes in pieces of this many a second. */
const DRIPS_PER_SECOND = 10;

export async function startWire(target: string): Promise<Wire> {
  const { hostname, port } = new URL(target);
  const ends = new Set<Socket>();
  const silenced = new WeakSet<Socket>();
  const nearOf = new WeakMap<Socket, Socket>();
  let served = 0;
  let isSilent = false;
  let isUnanswered = false;
  let weather: Weather | undefined;
  const accept = (near: Socket) => {
    served += 1;
    const far = connect(Number(port), hostname);
    nearOf.set(far, near);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      ends.add(from);
      // Small packets wait for nobody: the latency is the weather's alone.
      from.setNoDelay(true);
      from.on('data', (bytes) => {
        if (isSilent || silenced.has(from) || (isUnanswered && from === far)) return;
        if (!weather) {
          if (!to.write(bytes)) waitForRoom(from, to);
          return;
        }
        from.pause();
        const now = weather;
        void carry(bytes, to, now, () => weather === now).then(() => from.resume());
      });
      from.on('error', () => {});
      from.on('close', () => {
        ends.delete(from);
        to.destroy();
      });
    }
  };
  let server: Server | undefined = createServer(accept).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const ours = typeof address === 'object' && address ? address.port : 0;
  const url = new URL(target);
  url.port = String(ours);

  function reset(): void {
    for (const end of ends) end.resetAndDestroy();
  }

  async function cut(): Promise<void> {
    const old = server;
    server = undefined;
    reset();
    if (old) await new Promise((resolve) => old.close(resolve));
  }
  return {
    url: url.href,
    get connections() {
      return ends.size / 2;
    },
    get served() {
      return served;
    },
    cut,
    reset,
    slow: (next) => void (weather = next),
    swallow: () => void (isSilent = true),
    swallowAnswers: () => void (isUnanswered = true),
    reroute() {
      for (const end of ends) silenced.add(end);
      isSilent = false;
    },
    silence(port) {
      for (const far of ends) {
        const near = nearOf.get(far);
        if (!near || far.localPort !== port) continue;
        silenced.add(far);
        silenced.add(near);
      }
    },
    async restore() {
      // What was swallowed leaves a stream with a hole: such connections are of no use any more.
      if (isSilent || isUnanswered) reset();
      isSilent = false;
      isUnanswered = false;
      weather = undefined;
      if (server) return;
      server = createServer(accept).listen(ours, '127.0.0.1');
      await once(server, 'listening');
    },
    close: cut,
  };
}

function waitForRoom(from: Socket, to: Socket): void {
  from.pause();
  to.once('drain', () => from.resume());
}

/** What is on its way when the weather is over arrives at once. */
async function carry(bytes: Buffer, to: Socket, weather: Weather, lasts: () => boolean): Promise<void> {
  const { latencyMs = 0, jitterMs = 0, bytesPerSecond } = weather;
  await sleep(Math.max(0, latencyMs + (2 * Math.random() - 1) * jitterMs));
  if (!bytesPerSecond) {
    to.write(bytes);
    return;
  }
  const drip = Math.max(1, Math.round(bytesPerSecond / DRIPS_PER_SECOND));
  for (let at = 0; at < bytes.length && !to.destroyed; at += drip) {
    if (!lasts()) {
      to.write(bytes.subarray(at));
      return;
    }
    to.write(bytes.subarray(at, at + drip));
    await sleep(1_000 / DRIPS_PER_SECOND);
  }
}
