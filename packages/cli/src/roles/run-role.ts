import { systemClock } from '@candlefleet/core';
import { createHealth, serveProbes, watchEventLoop, type Health } from '@candlefleet/health';
import { destination, pino, type Logger } from 'pino';
import type { Settings } from '../environment.js';
import type { RoleStart } from './open-stores.js';

export interface Role {
  /** Told to a supervisor when the role is up. */
  readonly ready?: Record<string, string | number> | undefined;
  close(deadlineMs: number): Promise<void>;
}

/** Ends a process that could not end in time. */
const EXIT_DEADLINE = 70;
/** What the deadline leaves to whoever supervises: less than its own patience. */
const LAST_MOMENT_MS = 2_000;

export function createLogger(settings: Settings, role: string): Logger {
  return pino(
    { level: settings.logLevel, base: { role, pid: process.pid } },
    destination({ fd: 1, sync: false }),
  );
}

/**
 * Runs a role until SIGTERM, SIGINT, or the end of the supervisor: then it stops taking work, hands the rest back,
 * and exits 0 within the grace period, or by a deadline with another code, also when Redis or Postgres is gone.
 */
export async function runRole(
  settings: Settings,
  name: string,
  start: (start: RoleStart) => Promise<Role>,
): Promise<void> {
  const log = createLogger(settings, name);
  const starting = new AbortController();
  let role: Role | undefined;
  let isStopping = false;
  const health = startHealth(log, () => role !== undefined && !isStopping);

  const stop = (why: string) => {
    if (isStopping) return;
    isStopping = true;
    log.info({ why }, 'stopping');
    starting.abort();
    // Its end is no news.
    health.close();
    const deadline = setTimeout(() => {
      log.error('could not stop in time');
      process.exit(EXIT_DEADLINE);
    }, settings.shutdownMs);
    deadline.unref();
    void Promise.resolve(role?.close(Math.max(1_000, settings.shutdownMs - LAST_MOMENT_MS)))
      .then(() => log.info('stopped'))
      .then(
        () => process.exit(0),
        (error: unknown) => {
          log.error({ err: error }, 'stopped with an error');
          process.exit(1);
        },
      );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('disconnect', () => stop('the supervisor is gone'));
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'a rejection that nobody handled'));

  const probes = await serveHealth(health, settings);
  role = await start({ settings, log, signal: starting.signal, health });
  if (isStopping) return;
  const told = { ...probes, ...role.ready };
  log.info(told, 'ready');
  process.send?.({ ready: true, ...told });
}

/** Of every role: it is up, and its event loop turns. The role adds what it depends on. */
function startHealth(log: Logger, isUp: () => boolean): Health {
  const health = createHealth({ clock: systemClock, log });
  health.watch('healthz', watchEventLoop(log));
  health.watch('readyz', {
    name: 'process',
    look: () =>
      isUp()
        ? { ok: true, found: 'is up' }
        : { ok: false, found: 'is starting or stopping', remedy: 'Wait; its log says what it waits for.' },
  });
  return health;
}

/** Before the start, so that a process that waits for its stores can be told from one that is dead. */
async function serveHealth(health: Health, { healthHost: host, healthPort: port }: Settings) {
  return port === undefined ? {} : { probes: (await serveProbes(health, { host, port })).url };
}
