import { storable, redact, asFleetError } from '@candlefleet/core';
import { DelayedError, RateLimitError, UnrecoverableError, type Job, type Worker } from 'bullmq';
import type { Logger } from 'pino';
import type { Backend } from './backend.js';
import { withDeadline } from './deadline.js';

/** A job as a handler sees it: its payload is not yet parsed. */
export interface JobInHand<T> {
  readonly id: string;
  readonly name: string;
  readonly data: T;
  /** Shown as the job's progress bar. Never fails the job, nor holds it up while the store is silent. */
  reportProgress(progress: Record<string, string | number>): Promise<void>;
  /** A line in the job's log; the same holds. */
  log(line: string): Promise<void>;
}

/** The closed vocabulary of what becomes of a job. */
export type JobEnding =
  | { readonly do: 'complete'; readonly note?: string }
  /** Back to the queue, not counted. */
  | { readonly do: 'delay'; readonly delayMs: number }
  | { readonly do: 'fail'; readonly code: string; readonly message: string }
  /**
   * The provider said stop: this worker fetches nothing for so long, or until another of its jobs ends. Without BullMQ's
   * `limiter` option no other worker rests (6.7.0, both stores): they learn of it from the budget's ban.
   */
  | { readonly do: 'rateLimit'; readonly delayMs: number };

export type JobHandler = (job: JobInHand<unknown>, signal: AbortSignal) => Promise<JobEnding>;

export interface RunningWorker {
  /** False when BullMQ's loop ended by itself: it will not begin again, so build another. */
  readonly isRunning: boolean;
  /** Takes no jobs and no other worker's locks until resumed; what is in hand goes on. */
  pause(): void;
  resume(): void;
  /**
   * Stops taking jobs, waits for those in hand, closes. Answers whether that ended before the deadline; one of 0 lets
   * go at once of what is in hand.
   */
  close(options: { deadlineMs: number }): Promise<'closed' | 'deadline'>;
  cancelJob(jobId: string, reason: string): boolean;
}

export interface WorkerSettings {
  readonly concurrency: number;
  readonly lockDurationMs?: number;
  readonly stalledIntervalMs?: number;
}

const READY_DEADLINE_MS = 15_000;
/** A handler that throws is a bug: its job comes back after this long, and the log says so. */
const BUG_DELAY_MS = 30_000;
/** The row alone counts: BullMQ's own limits are out of reach (protocol). */
const OUT_OF_REACH = 1_000_000;
const LOST_LOCK = /missing lock|lock mismatch|not in the active state|missing key|could not renew lock/i;
const LOG_LINE_LENGTH = 2_000;
/** What people see may be late, or missing: candles do not wait for it. */
const TELLING_DEADLINE_MS = 1_000;

/** @throws when the store does not answer: a BullMQ worker that was refused once stays dead (HAZARDS, rule 2) */
export async function startQueueWorker(
  backend: Backend,
  queueName: string,
  handle: JobHandler,
  settings: WorkerSettings,
  log: Logger,
): Promise<RunningWorker> {
  const lockDuration = settings.lockDurationMs ?? 30_000;
  const worker: Worker = backend.openWorker(
    queueName,
    // Three parameters: only then does BullMQ make a signal.
    async (job: Job, token: string | undefined, signal: AbortSignal | undefined) => {
      const ending = await handle(toJobInHand(job, log), signal ?? new AbortController().signal).catch(
        (thrown: unknown) => {
          log.error({ err: thrown, queue: queueName, job_id: job.id }, 'a handler threw; its job comes back');
          return { do: 'delay', delayMs: BUG_DELAY_MS } as const;
        },
      );
      return endJob(worker, job, token, ending);
    },
    {
      autorun: false,
      concurrency: settings.concurrency,
      lockDuration,
      stalledInterval: settings.stalledIntervalMs ?? lockDuration,
      maxStalledCount: OUT_OF_REACH,
      maxStartedAttempts: OUT_OF_REACH,
    },
  );
  const tellError = outageTeller(log, queueName);
  worker.on('error', tellError);
  try {
    await withDeadline(`connect a worker to queue ${queueName}`, READY_DEADLINE_MS, worker.waitUntilReady());
  } catch (error) {
    worker.close(true).catch(tellError);
    throw error;
  }
  worker.run().catch(tellError);
  return toRunningWorker(worker, tellError);
}

function toRunningWorker(worker: Worker, tellError: (error: Error) => void): RunningWorker {
  return {
    get isRunning() {
      return worker.isRunning() || worker.isPaused();
    },
    pause: () => void worker.pause(true).catch(tellError),
    resume: () => void worker.resume().catch(tellError),
    cancelJob: (jobId, reason) => worker.cancelJob(jobId, reason),
    async close({ deadlineMs }) {
      if (deadlineMs === 0) {
        await worker.close(true);
        return 'deadline';
      }
      let timer: NodeJS.Timeout | undefined;
      const deadline = new Promise<'deadline'>((resolve) => {
        timer = setTimeout(() => resolve('deadline'), deadlineMs);
      });
      // BullMQ's close never resolves when its store is gone (HAZARDS 12).
      const closed = worker.close().then(
        () => 'closed' as const,
        () => 'closed' as const,
      );
      const outcome = await Promise.race([closed, deadline]);
      clearTimeout(timer);
      return outcome;
    },
  };
}

/** Translates an ending into BullMQ's calls and errors. */
async function endJob(
  worker: Worker,
  job: Job,
  token: string | undefined,
  ending: JobEnding,
): Promise<unknown> {
  switch (ending.do) {
    case 'complete':
      return { note: storable(ending.note ?? 'done') };
    case 'delay':
      await job
        .moveToDelayed(Date.now() + Math.max(1, Math.round(ending.delayMs)), token)
        .catch((error: unknown) => {
          // Somebody else has the job by now; Postgres has the truth already.
          if (!LOST_LOCK.test(asFleetError(error).message)) throw error;
        });
      throw new DelayedError();
    case 'rateLimit':
      await worker.rateLimit(Math.max(1, Math.round(ending.delayMs)));
      throw new RateLimitError();
    case 'fail':
      throw withoutStack(new UnrecoverableError(redact(`${ending.code}: ${ending.message}`)));
  }
}

/** Our own stack says nothing about the failure, and would be kept with 50,000 failed jobs. */
function withoutStack(error: Error): Error {
  error.stack = `${error.name}: ${error.message}`;
  return error;
}

function toJobInHand(job: Job, log: Logger): JobInHand<unknown> {
  // Parallel job.log calls are refused by the Postgres backend (HAZARDS rule 6): one after the other.
  let last: Promise<unknown> = Promise.resolve();
  let isLate = false;
  const enqueue = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    if (isLate) return;
    const tell = (error: unknown) => log.debug({ err: error, job_id: job.id }, `${what} not written`);
    last = last
      .then(work)
      .catch(tell)
      .finally(() => (isLate = false));
    await withDeadline(what, TELLING_DEADLINE_MS, last).catch(() => (isLate = true));
  };
  return {
    id: job.id ?? '',
    name: job.name,
    data: job.data,
    reportProgress: (progress) => enqueue('progress', () => job.updateProgress(progress)),
    log: (line) => enqueue('log line', () => job.log(redact(line).slice(0, LOG_LINE_LENGTH))),
  };
}

/** Tells an outage once, not once a retry. */
export function outageTeller(log: Logger, what: string): (error: Error) => void {
  let toldAt = 0;
  return (error) => {
    if (LOST_LOCK.test(error.message)) {
      log.debug({ queue: what, reason: error.message }, 'a job was taken over');
      return;
    }
    if (performance.now() - toldAt < 30_000 && toldAt > 0) return;
    toldAt = performance.now();
    log.warn({ queue: what, reason: redact(error.message) }, "the queue's store is in trouble; trying again");
  };
}
