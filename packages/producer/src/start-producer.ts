import { setTimeout as sleep } from 'node:timers/promises';
import { limitSignal, type ProviderTraits } from '@candlefleet/core';
import { lead, listProviders, reapExecutions, type Database, type Leadership } from '@candlefleet/db';
import type { Check } from '@candlefleet/health';
import type { QueueConnection } from '@candlefleet/queue';
import type { Logger } from 'pino';
import { startDuty, type Duty } from './duty.js';
import { planBackfill } from './plan-backfill.js';
import { relayExecutions } from './relay.js';
import { hasForgotten, syncSchedulers } from './sync-schedulers.js';
import { watchDuties } from './watch-duties.js';

export interface ProducerTimings {
  readonly syncMs: number;
  readonly planMs: number;
  readonly relayMs: number;
  readonly reapMs: number;
  /** How long a due row waits for its own job before the relay looks. */
  readonly relayGraceMs: number;
  /** How often one that stands by tries to lead. */
  readonly leadMs: number;
  /** How long a duty may take before this producer counts as stuck. */
  readonly dutyMs: number;
}

export const PRODUCER_TIMINGS: ProducerTimings = {
  syncMs: 60_000,
  planMs: 10_000,
  relayMs: 10_000,
  reapMs: 10_000,
  relayGraceMs: 5_000,
  leadMs: 2_000,
  dutyMs: 600_000,
};

export interface ProducerOptions {
  readonly db: Database;
  readonly queues: QueueConnection;
  readonly traitsOf: (provider: string) => ProviderTraits;
  readonly timings?: Partial<ProducerTimings> | undefined;
  /** Since when both stores answer, by performance.now(); undefined while they do not. Absent: always. */
  readonly storesAnswerSince?: (() => number | undefined) | undefined;
  readonly log: Logger;
}

export interface Producer {
  readonly isLeading: boolean;
  /** Fails when it hangs: for liveness. */
  readonly duties: Check;
  close(): Promise<void>;
}

/** A wait for the lead is begun anew after this long. */
const STAND_BY_MS = 60_000;

/** One producer leads, the others stand by. Says what should run, and takes back what was left behind. */
export function startProducer(options: ProducerOptions): Producer {
  const timings = { ...PRODUCER_TIMINGS, ...options.timings };
  const stop = new AbortController();
  const { storesAnswerSince = () => 0 } = options;
  let duties: Duties | undefined;
  let triedAt = performance.now();

  async function term(): Promise<void> {
    let wake: (topic: string) => void = () => {};
    triedAt = performance.now();
    const patience = limitSignal(stop.signal, STAND_BY_MS);
    const leadership = await lead({
      url: options.db.directUrl,
      applicationName: 'candlefleet producer (leader)',
      onNotify: (topic) => wake(topic),
      retryMs: timings.leadMs,
      signal: patience.signal,
    }).finally(() => patience.dispose());
    if (!leadership) return;
    options.log.info('leading');
    const led = startDuties(options, timings);
    duties = led;
    wake = led.wake;
    await endOf(leadership, stop.signal);
    duties = undefined;
    triedAt = performance.now();
    await led.close();
    await leadership.release();
  }

  const done = (async () => {
    while (!stop.signal.aborted) {
      await term().catch((error: unknown) =>
        options.log.warn({ err: error }, 'could not lead; trying again'),
      );
      if (!stop.signal.aborted)
        await sleep(timings.leadMs, undefined, { signal: stop.signal }).catch(() => {});
    }
  })();

  return {
    get isLeading() {
      return duties !== undefined;
    },
    duties: watchDuties({
      duties: () => duties?.all,
      triedAt: () => triedAt,
      storesAnswerSince,
      dutyMs: timings.dutyMs,
    }),
    async close() {
      stop.abort();
      await done;
    },
  };
}

function endOf(leadership: Leadership, stop: AbortSignal): Promise<unknown> {
  const stopped = new Promise<void>((resolve) => {
    if (stop.aborted) resolve();
    else stop.addEventListener('abort', () => resolve(), { once: true });
  });
  return Promise.race([leadership.lost, stopped]);
}

type Duties = ReturnType<typeof startDuties>;

function startDuties(options: ProducerOptions, timings: ProducerTimings) {
  const { db, queues, log } = options;
  const shared = { ...options, providers: () => listProviders(db), now: () => db.clockMs() };
  const sync = startDuty({ name: 'sync', everyMs: timings.syncMs, log, work: () => syncSchedulers(shared) });
  const relay = startDuty({
    name: 'relay',
    everyMs: timings.relayMs,
    log,
    work: async () => {
      await relayExecutions({ db, queues, log }, timings.relayGraceMs);
      if (await hasForgotten(queues)) sync.wake();
    },
  });
  const plan = startDuty({
    name: 'plan',
    everyMs: timings.planMs,
    log,
    work: async () => {
      // Rows just written need no grace: they cannot have a job yet.
      if ((await planBackfill(shared)) > 0) await relayExecutions({ db, queues, log }, 0);
    },
  });
  const reap = startDuty({
    name: 'reap',
    everyMs: timings.reapMs,
    log,
    async work() {
      for (const reaped of await reapExecutions(db)) log.warn({ ...reaped }, 'taken back from a lost worker');
    },
  });
  const all: readonly Duty[] = [relay, plan, sync, reap];
  return {
    all,
    wake(topic: string) {
      plan.wake();
      if (topic !== 'backlog') sync.wake();
    },
    close: async () => {
      await Promise.all(all.map((duty) => duty.close()));
    },
  };
}
