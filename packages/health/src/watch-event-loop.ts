import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Logger } from 'pino';
import type { Check } from './check.js';

export interface EventLoopBounds {
  readonly windowMs: number;
  /** A longer delay is told to the log: locks and leases are renewed by timers. */
  readonly warnMs: number;
  /** A process whose every window of the last minute had a longer delay does no good any more. */
  readonly failMs: number;
}

const BOUNDS: EventLoopBounds = { windowMs: 10_000, warnMs: 500, failMs: 2_000 };
const WINDOWS = 6;
const RESOLUTION_MS = 20;

/** Watches how late this process comes to its timers. A loop that stands still altogether answers no probe at all. */
export function watchEventLoop(
  log: Logger,
  bounds: Partial<EventLoopBounds> = {},
): Check & { close(): void } {
  const { windowMs, warnMs, failMs } = { ...BOUNDS, ...bounds };
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  /** The longest of each window, the newest last. */
  const longest: number[] = [];
  let told = 'not measured yet';

  let dueAt = performance.now() + windowMs;

  const timer = setInterval(() => {
    // A reset forgets the delay that it falls into: then this very timer is late.
    const lateMs = Math.round(performance.now() - dueAt);
    dueAt = performance.now() + windowMs;
    const figures = {
      longestMs: Math.max(delayMs(delays.max), lateMs),
      p99Ms: delayMs(delays.percentile(99)),
      windowMs,
    };
    delays.reset();
    longest.push(figures.longestMs);
    if (longest.length > WINDOWS) longest.shift();
    told = `at most ${figures.longestMs} ms late, p99 ${figures.p99Ms} ms, in ${windowMs / 1_000} s`;
    if (figures.longestMs > warnMs)
      log.warn(figures, 'the event loop was blocked, or this machine is too busy');
  }, windowMs);
  timer.unref();

  return {
    name: 'event loop',
    look() {
      const ok = longest.length < WINDOWS || longest.some((ms) => ms <= failMs);
      return {
        ok,
        found: ok ? told : `more than ${failMs} ms late again and again: ${told}`,
        remedy:
          'Restart it. If it comes back: fewer processes on this machine, or a smaller WORKER_CONCURRENCY.',
      };
    },
    close() {
      clearInterval(timer);
      delays.disable();
    },
  };
}

/** The histogram's nanoseconds hold the pause between two looks too. */
function delayMs(nanoseconds: number): number {
  return Math.max(0, Math.round(nanoseconds / 1e6) - RESOLUTION_MS);
}
