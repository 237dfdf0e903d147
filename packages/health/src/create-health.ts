import type { Clock } from '@candlefleet/core';
import type { Logger } from 'pino';
import type { Check, Finding } from './check.js';

/** `healthz`: to be restarted when it fails. `readyz`: of no use to others while it fails. */
export type Probe = 'healthz' | 'readyz';

export const PROBES: readonly Probe[] = ['healthz', 'readyz'];

export interface ProbeAnswer {
  /** 200, or 503 when a check failed. */
  readonly status: number;
  readonly body: {
    readonly status: 'ok' | 'failed';
    readonly checks: readonly (Finding & { readonly check: string; readonly since: string })[];
  };
}

/** What a process says of itself. */
export interface Health {
  watch(probe: Probe, check: Check): void;
  answer(probe: Probe): ProbeAnswer;
  close(): void;
}

const LOOK_EVERY_MS = 500;

/** Looks at every check now and then, so that it knows since when one fails, and tells the log of each change. */
export function createHealth({ clock, log }: { clock: Clock; log: Logger }): Health {
  const watched: { probe: Probe; look: () => ProbeAnswer['body']['checks'][number] }[] = [];
  const timer = setInterval(() => {
    for (const { look } of watched) look();
  }, LOOK_EVERY_MS);
  timer.unref();
  return {
    watch(probe, check) {
      watched.push({ probe, look: rememberChanges(probe, check, clock, log) });
    },
    answer(probe) {
      const checks = watched.filter((one) => one.probe === probe).map(({ look }) => look());
      const isOk = checks.every(({ ok }) => ok);
      return { status: isOk ? 200 : 503, body: { status: isOk ? 'ok' : 'failed', checks } };
    },
    close: () => clearInterval(timer),
  };
}

function rememberChanges(probe: Probe, check: Check, clock: Clock, log: Logger) {
  let wasOk: boolean | undefined;
  let since = '';
  return () => {
    const { ok, found, remedy } = check.look();
    if (ok !== wasOk) {
      since = new Date(clock.nowMs()).toISOString();
      // A process begins with what is not there yet: only what fails later is news.
      if (wasOk !== undefined)
        log[ok ? 'info' : 'warn']({ probe, check: check.name, found }, ok ? 'well again' : 'a check fails');
      wasOk = ok;
    }
    return { check: check.name, ok, since, found, ...(ok ? {} : { remedy }) };
  };
}
