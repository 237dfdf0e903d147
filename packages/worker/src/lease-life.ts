import { setMaxListeners } from 'node:events';
import type { Logger } from 'pino';

/** How long the lease lives, by this process's steady clock. */
export interface LeaseLife {
  readonly lasts: boolean;
  /** Aborted when it ran out, or the machine's clock went wrong. A new one each time. */
  readonly signal: AbortSignal;
  extend(until: number, isClockRight: boolean): void;
  end(): void;
}

export function createLeaseLife(log: Logger, onRunOut: () => void): LeaseLife {
  let lastsUntil = 0;
  let alive = newController();
  let expiry: NodeJS.Timeout | undefined;
  let hasEnded = false;

  function runOut(): void {
    log.error('the lease could not be renewed in time: stopping all work in hand, and taking none');
    lastsUntil = 0;
    alive.abort(new Error('lease lost'));
    onRunOut();
  }

  return {
    get lasts() {
      return performance.now() < lastsUntil;
    },
    get signal() {
      return alive.signal;
    },
    extend(until, isClockRight) {
      if (hasEnded) return;
      lastsUntil = Math.max(lastsUntil, until);
      if (!isClockRight) alive.abort(new Error('clock skew'));
      else if (alive.signal.aborted) alive = newController();
      clearTimeout(expiry);
      expiry = setTimeout(runOut, lastsUntil - performance.now());
      expiry.unref();
    },
    end() {
      hasEnded = true;
      clearTimeout(expiry);
      lastsUntil = 0;
      alive.abort(new Error('lease given up'));
    },
  };
}

/** Every job in hand listens to its signal. */
function newController(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}
