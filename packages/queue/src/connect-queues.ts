import type { Queue } from 'bullmq';
import type { Logger } from 'pino';
import type { Backend } from './backend.js';
import { withDeadline } from './deadline.js';
import { hasDueJobs } from './has-due-jobs.js';
import { ensureJobs, removeJobs, type EnsuredJobs } from './ensure-jobs.js';
import type { BackfillJob } from './jobs/backfill.js';
import { openBackend, type QueueOptions } from './open-backend.js';
import {
  readSchedulers,
  readSchedulersFromRedis,
  upsertScheduler,
  type Scheduler,
  type SchedulerSpec,
} from './schedulers.js';
import {
  outageTeller,
  startQueueWorker,
  type JobHandler,
  type RunningWorker,
  type WorkerSettings,
} from './start-worker.js';

/** The queues, whichever store they are in. */
export interface QueueConnection {
  readonly backend: 'redis' | 'postgres';
  /** BullMQ's own object, connected or not. */
  queue(name: string): Queue;
  /** BullMQ's own object, once it is connected. @throws when the store does not answer */
  open(name: string): Promise<Queue>;
  /** @throws when the store does not answer; then nothing is left of it */
  startWorker(name: string, handle: JobHandler, settings: WorkerSettings): Promise<RunningWorker>;
  ensureJobs(name: string, jobs: readonly (BackfillJob & { executionId: string })[]): Promise<EnsuredJobs>;
  removeJobs(name: string, jobIds: readonly string[]): Promise<void>;
  readSchedulers(name: string): Promise<Map<string, Scheduler>>;
  upsertScheduler(name: string, spec: SchedulerSpec): Promise<void>;
  removeScheduler(name: string, id: string): Promise<void>;
  /** Jobs without a priority that wait: tails. */
  waitingTails(name: string): Promise<number>;
  isPaused(name: string): Promise<boolean>;
  /** Jobs are there that a worker could take: waiting or overdue ones of a queue that is not paused. */
  hasDueJobs(name: string): Promise<boolean>;
  /** Answers, or throws within three seconds. */
  ping(): Promise<void>;
  /** Never hangs on a dead store. */
  close(options: { deadlineMs: number }): Promise<void>;
}

const CALL_DEADLINE_MS = 15_000;
const PING_DEADLINE_MS = 3_000;

/** Waits for the store, then builds. */
export async function connectQueues(options: QueueOptions): Promise<QueueConnection> {
  return buildConnection(await openBackend(options), options.log);
}

function buildConnection(backend: Backend, log: Logger): QueueConnection {
  const queues = new Map<string, Queue>();
  const queue = (name: string): Queue => {
    const known = queues.get(name);
    if (known) return known;
    const opened = backend.openQueue(name);
    opened.on('error', outageTeller(log, name));
    queues.set(name, opened);
    return opened;
  };
  /** A queue that could not connect stays so for ever (HAZARDS, rule 2): it is thrown away and built anew. */
  const ready = async (name: string): Promise<Queue> => {
    const opened = queue(name);
    try {
      await withDeadline(`connect to queue ${name}`, CALL_DEADLINE_MS, opened.waitUntilReady());
      return opened;
    } catch (error) {
      queues.delete(name);
      opened.close().catch(() => {});
      throw error;
    }
  };
  const call = async <T>(what: string, name: string, work: (queue: Queue) => Promise<T>): Promise<T> =>
    withDeadline(`${what} (${name})`, CALL_DEADLINE_MS, work(await ready(name)));

  return {
    backend: backend.name,
    queue,
    open: ready,
    async startWorker(name, handle, settings) {
      await ready(name);
      return startQueueWorker(backend, name, handle, settings, log);
    },
    ensureJobs: (name, jobs) => call('ensure jobs', name, (q) => ensureJobs(q, jobs)),
    removeJobs: (name, ids) => call('remove jobs', name, (q) => removeJobs(q, ids)),
    readSchedulers: (name) =>
      call('read schedulers', name, (q) =>
        backend.redis
          ? readSchedulersFromRedis(backend.redis, `${backend.keyPrefix}:${name}`)
          : readSchedulers(q),
      ),
    upsertScheduler: (name, spec) => call('upsert scheduler', name, (q) => upsertScheduler(q, spec)),
    removeScheduler: async (name, id) => {
      await call('remove scheduler', name, (q) => q.removeJobScheduler(id));
    },
    waitingTails: (name) =>
      call('count waiting tails', name, async (q) => (await q.getCountsPerPriority([0]))['0'] ?? 0),
    isPaused: (name) => call('is paused', name, (q) => q.isPaused()),
    hasDueJobs: (name) => call('look for due jobs', name, hasDueJobs),
    ping: () => backend.ping(PING_DEADLINE_MS),
    async close({ deadlineMs }) {
      const closing = Promise.allSettled([...queues.values()].map((one) => one.close()));
      await withDeadline('close queues', deadlineMs, closing).catch(() => {});
      await backend.close();
    },
  };
}
