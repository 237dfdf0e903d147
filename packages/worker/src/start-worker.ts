import { setMaxListeners } from 'node:events';
import type { Budget, CandleSource, Clock, RequestGate, ProviderTraits } from '@candlefleet/core';
import {
  createChunkStore,
  createClaimer,
  createFinisher,
  listProviders,
  type Database,
} from '@candlefleet/db';
import type { Check } from '@candlefleet/health';
import {
  backfillQueueName,
  MAINTENANCE_QUEUE,
  type JobHandler,
  type QueueConnection,
} from '@candlefleet/queue';
import type { Logger } from 'pino';
import { createConsumers } from './consumers.js';
import { AbandonedWorkError } from './errors.js';
import { createLeaseKeeper, type LeaseKeeper } from './lease-keeper.js';
import { runMaintenanceJob } from './maintenance/run-maintenance.js';
import { watched } from './points.js';
import { createActivityNotes } from './progress/queue-activity.js';
import { watchProgress } from './progress/watch-progress.js';
import { createRequestGate } from './request-gate.js';
import { runBackfillJob } from './run-job.js';
import { createSlotKeeper } from './slots.js';
import { createSources, type Sources } from './sources.js';

export interface WorkerTimings {
  readonly leaseMs: number;
  readonly renewMs: number;
  /** How long a history slice keeps its slot. */
  readonly sliceMs: number;
  /** How soon a new provider's queue is consumed. */
  readonly discoverMs: number;
  readonly attemptDeadlineMs: number;
  /** The queue's own lock on a job. */
  readonly lockMs: number;
  /** How long due work may wait before a free slot until this worker counts as stuck. */
  readonly progressMs: number;
}

export const WORKER_TIMINGS: WorkerTimings = {
  leaseMs: 30_000,
  renewMs: 10_000,
  sliceMs: 30_000,
  discoverMs: 5_000,
  attemptDeadlineMs: 300_000,
  lockMs: 30_000,
  progressMs: 60_000,
};

export interface WorkerOptions {
  readonly db: Database;
  readonly queues: QueueConnection;
  readonly budget: Budget;
  readonly traitsOf: (provider: string) => ProviderTraits;
  readonly openSource: (provider: string, gate: RequestGate) => Promise<CandleSource>;
  readonly version: string;
  readonly concurrency: number;
  /** Queues to consume; absent: all that there are. */
  readonly queueNames?: readonly string[] | undefined;
  readonly timings?: Partial<WorkerTimings> | undefined;
  /** Since when both stores answer, by performance.now(); undefined while they do not. Absent: always. */
  readonly storesAnswerSince?: (() => number | undefined) | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface FleetWorker {
  readonly workerId: string;
  /** Its lease and its clock allow work. */
  readonly mayWork: boolean;
  /** Fails when it makes no progress although there is work: for liveness. */
  readonly progress: Check;
  readonly queueNames: readonly string[];
  /** Stops taking work, finishes the chunk in hand, hands the rest back. @throws AbandonedWorkError at the deadline */
  close(options: { deadlineMs: number }): Promise<void>;
}

/** A stateless worker: consumes every provider's queue, and the maintenance queue. */
export async function startWorker(options: WorkerOptions): Promise<FleetWorker> {
  const { queues, log, concurrency } = options;
  const timings = { ...WORKER_TIMINGS, ...options.timings };
  const shutdown = new AbortController();
  // Each job in hand listens.
  setMaxListeners(0, shutdown.signal);
  const activity = createActivityNotes();
  const slotsOf = (name: string) => (name === MAINTENANCE_QUEUE ? 1 : concurrency);
  const consumers = createConsumers({
    log,
    listNames: () => listQueues(options),
    open: (name) =>
      queues.startWorker(name, activity.noting(name, handlerOf(name)), {
        concurrency: slotsOf(name),
        lockDurationMs: timings.lockMs,
      }),
  });
  const lease = await createLeaseKeeper({
    ...options,
    ...timings,
    queues: () => consumers.names,
    onMayWork: (mayWork) => consumers.setMayWork(mayWork),
  });
  const sources = createSources((provider) =>
    options.openSource(provider, createRequestGate(options.budget, options.traitsOf(provider), log)),
  );
  const handlerOf = createHandlers(options, timings, lease, sources, shutdown.signal);
  await consumers.look();
  const { storesAnswerSince = () => 0 } = options;
  const progress = watchProgress({
    queues,
    queueNames: () => consumers.wanted,
    slotsOf,
    activity,
    holds: lease.holds,
    mayWork: () => lease.mayWork,
    storesAnswerSince,
    progressMs: timings.progressMs,
  });
  const timer = setInterval(() => void consumers.look(), timings.discoverMs);

  return {
    workerId: lease.workerId,
    get mayWork() {
      return lease.mayWork;
    },
    get queueNames() {
      return consumers.names;
    },
    progress,
    async close({ deadlineMs }) {
      clearInterval(timer);
      progress.close();
      shutdown.abort();
      const ending = await consumers.close({ deadlineMs });
      await sources.close();
      await lease.close();
      if (ending === 'deadline') throw new AbandonedWorkError(deadlineMs);
    },
  };
}

async function listQueues({ db, queueNames }: WorkerOptions): Promise<string[]> {
  const all = [MAINTENANCE_QUEUE, ...(await listProviders(db)).map(backfillQueueName)];
  return all.filter((name) => queueNames?.includes(name) ?? true);
}

/** What a queue's jobs are done with. */
function createHandlers(
  options: WorkerOptions,
  timings: WorkerTimings,
  lease: LeaseKeeper,
  sources: Sources,
  shutdown: AbortSignal,
): (queue: string) => JobHandler {
  const { db, queues, log, budget, concurrency } = options;
  const { step } = lease.holds;
  const deps = {
    db,
    log,
    lease,
    sources,
    budget,
    claim: watched('claim', createClaimer(db, lease.workerId), step),
    store: watched('chunk', createChunkStore(db), step),
    finish: watched('finish', createFinisher(db), step),
    slots: createSlotKeeper(concurrency),
    shutdown,
    attemptDeadlineMs: timings.attemptDeadlineMs,
    shouldYield: createYieldRule(queues, timings.sliceMs, shutdown),
  };
  const maintenance = { db, queues, log, providers: () => listProviders(db) };
  return (queue) => (job, signal) =>
    queue === MAINTENANCE_QUEUE
      ? runMaintenanceJob(maintenance, job, signal)
      : runBackfillJob(deps, job, signal);
}

/** When an execution makes way after a page: at shutdown, when its slice of time is over, when tails wait. */
function createYieldRule(queues: QueueConnection, sliceMs: number, shutdown: AbortSignal) {
  return async (job: { kind: string; provider: string }, startedAt: number): Promise<string | undefined> => {
    if (shutdown.aborted) return 'shutdown';
    if (job.kind === 'tail') return undefined;
    if (performance.now() - startedAt > sliceMs) return 'slice_over';
    const waiting = await queues.waitingTails(backfillQueueName(job.provider)).catch(() => 0);
    return waiting > 0 ? 'tails_wait' : undefined;
  };
}
