import { newExecutionId } from '@candlefleet/core';
import {
  createTestDatabase,
  forgetNamespace,
  queueBackends,
  testNamespace,
  waitUntil,
} from '@candlefleet/testing';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { connectQueues, type QueueConnection } from '../src/connect-queues.js';
import { backfillJobOptions, type BackfillJob } from '../src/jobs/backfill.js';
import type { JobEnding, JobHandler, RunningWorker } from '../src/start-worker.js';

const log = pino({ level: 'silent' });
const CLOSE = { deadlineMs: 10_000 };

describe.each(queueBackends())('a queue in $name', ({ redisUrl, skipped }) => {
  describe.skipIf(skipped)(skipped ? `[skipped: ${skipped}]` : 'keeps its contract:', () => {
    const namespace = testNamespace();
    let database: Awaited<ReturnType<typeof createTestDatabase>>;
    let queues: QueueConnection;
    const workers: RunningWorker[] = [];
    let number = 0;
    let name = '';

    beforeAll(async () => {
      database = await createTestDatabase({ empty: true });
      queues = await connect();
    });
    afterEach(async () => {
      await Promise.all(workers.splice(0).map((worker) => worker.close(CLOSE)));
    });
    afterAll(async () => {
      await queues.close(CLOSE);
      await forgetNamespace(redisUrl, namespace);
      await database.drop();
    });

    const connect = () =>
      connectQueues({ redisUrl, databaseUrl: database.url, namespace, applicationName: 'test', log });
    const freshQueue = () => {
      name = `q${(number += 1)}`;
      return queues.queue(name);
    };
    const work = async (
      handle: JobHandler,
      settings: { concurrency?: number; lockDurationMs?: number } = {},
    ) => {
      const worker = await queues.startWorker(name, handle, {
        concurrency: 1,
        lockDurationMs: 30_000,
        ...settings,
      });
      workers.push(worker);
      return worker;
    };
    const done: JobEnding = { do: 'complete' };
    const jobOf = (kind: BackfillJob['kind'], executionId = newExecutionId()) => ({
      v: 1 as const,
      executionId,
      seriesId: 1,
      provider: 'p',
      symbol: 'A/B',
      timeframe: '1m' as const,
      calendar: '24x7',
      kind,
    });
    const stateOf = (id: string) => queues.queue(name).getJobState(id);

    test('a scheduler fires on its grid, with the slot in the id of its job', async () => {
      freshQueue();
      const slots: number[] = [];
      await work(async (job) => {
        slots.push(Number(/^repeat:s:(\d+)$/.exec(job.id)?.[1]));
        return done;
      });
      await queues.upsertScheduler(name, {
        id: 's',
        name: 'tail',
        everyMs: 500,
        offsetMs: 120,
        data: { v: 1 },
      });
      await waitUntil('three slots', () => slots.length >= 3);
      await queues.removeScheduler(name, 's');
      expect(slots.every((slot) => slot % 500 === 120)).toBe(true);
      expect(new Set(slots).size).toBe(slots.length);
    });

    test('what is scheduled can be read, changed and removed', async () => {
      freshQueue();
      await queues.upsertScheduler(name, {
        id: 'a',
        name: 'tail',
        everyMs: 60_000,
        offsetMs: 777,
        data: { v: 1 },
      });
      await queues.upsertScheduler(name, { id: 'b', name: 'upkeep', pattern: '0 0 2 * * *', data: { v: 1 } });
      const before = await queues.readSchedulers(name);
      expect(before.get('a')).toMatchObject({ everyMs: 60_000, offsetMs: 777, hasPendingJob: true });
      expect(before.get('b')).toMatchObject({ pattern: '0 0 2 * * *', hasPendingJob: true });
      expect((before.get('a')?.nextMs ?? 0) % 60_000).toBe(777);

      await queues.upsertScheduler(name, {
        id: 'a',
        name: 'tail',
        everyMs: 30_000,
        offsetMs: 5,
        data: { v: 1 },
      });
      await queues.removeScheduler(name, 'b');
      const after = await queues.readSchedulers(name);
      expect([...after.keys()]).toEqual(['a']);
      expect(after.get('a')).toMatchObject({ everyMs: 30_000, offsetMs: 5 });
    });

    test('the same scheduler written again changes nothing', async () => {
      freshQueue();
      const spec = { id: 'a', name: 'tail', everyMs: 60_000, offsetMs: 777, data: { v: 1 } };
      await queues.upsertScheduler(name, spec);
      const before = (await queues.readSchedulers(name)).get('a');
      await queues.upsertScheduler(name, spec);
      expect((await queues.readSchedulers(name)).get('a')).toEqual(before);
      expect(await queues.queue(name).getDelayedCount()).toBe(1);
    });

    test('slots missed while nobody worked are caught up by one', async () => {
      freshQueue();
      await queues.upsertScheduler(name, {
        id: 's',
        name: 'tail',
        everyMs: 300,
        offsetMs: 7,
        data: { v: 1 },
      });
      const first = (await queues.readSchedulers(name)).get('s')?.nextMs ?? 0;
      await waitUntil('several slots to pass', () => Date.now() > first + 1_500);
      const slots: number[] = [];
      await work(async (job) => {
        slots.push(Number(job.id.split(':').at(-1)));
        return done;
      });
      await waitUntil('the schedule to go on', () => slots.length >= 3);
      await queues.removeScheduler(name, 's');
      const missed = slots.filter((slot) => slot < first + 1_200);
      expect(missed).toEqual([first]);
    });

    test('a job handed back comes again at its instant, and not before; nothing is counted', async () => {
      freshQueue();
      const runs: number[] = [];
      const job = jobOf('history');
      await queues.ensureJobs(name, [job]);
      await work(async () => {
        runs.push(Date.now());
        return runs.length < 4 ? { do: 'delay', delayMs: 300 } : done;
      });
      await waitUntil('the job to end', async () => (await stateOf(job.executionId)) === 'completed');
      const gaps = runs.slice(1).map((at, i) => at - (runs[i] ?? 0));
      expect(runs).toHaveLength(4);
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(295);
    });

    test('a failed job can be retried by hand, and completes', async () => {
      freshQueue();
      const job = jobOf('manual');
      let isWell = false;
      await work(async () =>
        isWell ? done : { do: 'fail', code: 'symbol_unknown', message: 'there is none' },
      );
      await queues.ensureJobs(name, [job]);
      const failed = await waitUntil('the failure', async () => {
        const isFailed = (await stateOf(job.executionId)) === 'failed';
        return isFailed ? queues.queue(name).getJob(job.executionId) : undefined;
      });
      expect(failed.failedReason).toBe('symbol_unknown: there is none');
      isWell = true;
      await failed.retry();
      await waitUntil('its completion', async () => (await stateOf(job.executionId)) === 'completed');
    });

    test('a handler that throws does not lose its job', async () => {
      freshQueue();
      const job = jobOf('history');
      await work(async () => {
        throw new Error('a bug');
      });
      await queues.ensureJobs(name, [job]);
      await waitUntil('the job to be delayed', async () => (await stateOf(job.executionId)) === 'delayed');
    });

    test('a job whose worker stalls is delivered again', async () => {
      freshQueue();
      const job = jobOf('history');
      await queues.ensureJobs(name, [job]);
      // Taken as a worker would, and then forgotten: its lock runs out.
      const dead = await queues.startWorker(name, async () => new Promise<JobEnding>(() => {}), {
        concurrency: 1,
        lockDurationMs: 1_000,
      });
      await waitUntil('it to be taken', async () => (await stateOf(job.executionId)) === 'active');
      expect(await dead.close({ deadlineMs: 0 })).toBe('deadline');
      let deliveries = 0;
      await work(
        async () => {
          deliveries += 1;
          return done;
        },
        { lockDurationMs: 1_000 },
      );
      await waitUntil('it to complete', async () => (await stateOf(job.executionId)) === 'completed');
      expect(deliveries).toBe(1);
    });

    test('a paused queue delivers nothing until it is resumed', async () => {
      const queue = freshQueue();
      const job = jobOf('history');
      const ran: string[] = [];
      await work(async (one) => {
        ran.push(one.id);
        return done;
      });
      await queue.pause();
      expect(await queues.isPaused(name)).toBe(true);
      await queues.ensureJobs(name, [job]);
      const other = jobOf('tail');
      await queues.ensureJobs(name, [other]);
      expect((await queue.getJobs(['waiting', 'prioritized'])).map((one) => one.id).sort()).toEqual(
        [job.executionId, other.executionId].sort(),
      );
      expect(ran).toEqual([]);
      await queue.resume();
      await waitUntil('both to run', () => ran.length === 2);
      expect(await queues.isPaused(name)).toBe(false);
    });

    test('tails come before manual, repair and history, whatever came first', async () => {
      const queue = freshQueue();
      await queue.pause();
      const kinds = ['history', 'repair', 'manual', 'tail'] as const;
      for (const kind of kinds) await queues.ensureJobs(name, [jobOf(kind)]);
      expect(await queues.waitingTails(name)).toBe(1);
      const order: string[] = [];
      await work(async (job) => {
        order.push(job.name);
        return done;
      });
      await queue.resume();
      await waitUntil('all to run', () => order.length === 4);
      expect(order).toEqual(['tail', 'manual', 'repair', 'history']);
      expect(backfillJobOptions('tail').priority).toBeUndefined();
    });

    test('closing waits for the job in hand, and takes no other', async () => {
      freshQueue();
      let finish = () => {};
      const inHand = new Promise<void>((resolve) => (finish = resolve));
      const started: string[] = [];
      const worker = await work(async (job) => {
        started.push(job.id);
        await inHand;
        return done;
      });
      const [first, second] = [jobOf('tail'), jobOf('history')];
      await queues.ensureJobs(name, [first]);
      await waitUntil('the job to start', () => started.length === 1);
      await queues.ensureJobs(name, [second]);
      const closing = worker.close(CLOSE);
      finish();
      expect(await closing).toBe('closed');
      expect(await stateOf(first.executionId)).toBe('completed');
      expect(started).toEqual([first.executionId]);
    });

    test('closing ends by its deadline, whatever the job in hand does', async () => {
      freshQueue();
      let finish = () => {};
      const stuck = new Promise<void>((resolve) => (finish = resolve));
      let hasStarted = false;
      const worker = await work(async () => {
        hasStarted = true;
        await stuck;
        return done;
      });
      await queues.ensureJobs(name, [jobOf('tail')]);
      await waitUntil('the job to start', () => hasStarted);
      expect(await worker.close({ deadlineMs: 200 })).toBe('deadline');
      finish();
    });

    test('a job is cancelled by its signal', async () => {
      freshQueue();
      const job = jobOf('history');
      let why: unknown;
      let hasStarted = false;
      const worker = await work(async (_job, signal) => {
        hasStarted = true;
        await new Promise<void>((resolve) =>
          signal.addEventListener('abort', () => resolve(), { once: true }),
        );
        why = signal.aborted;
        return done;
      });
      await queues.ensureJobs(name, [job]);
      await waitUntil('the job to start', () => hasStarted);
      expect(worker.cancelJob(job.executionId, 'no longer wanted')).toBe(true);
      await waitUntil('the handler to hear of it', () => why === true);
    });

    test('the relay gives every execution one unfinished job: added, left alone, or replaced when it had ended', async () => {
      freshQueue();
      const job = jobOf('history');
      expect(await queues.ensureJobs(name, [job])).toEqual({ added: 1, replaced: 0, present: 0 });
      expect(await queues.ensureJobs(name, [job])).toEqual({ added: 0, replaced: 0, present: 1 });
      let runs = 0;
      await work(async () => {
        runs += 1;
        return runs === 1 ? { do: 'fail', code: 'c', message: 'm' } : done;
      });
      await waitUntil('it to fail', async () => (await stateOf(job.executionId)) === 'failed');
      expect(await queues.ensureJobs(name, [job])).toEqual({ added: 0, replaced: 1, present: 0 });
      await waitUntil('it to run again', () => runs === 2);
    });

    test('two relays at once, with overlapping lists, add each job once', async () => {
      const queue = freshQueue();
      const jobs = Array.from({ length: 300 }, () => jobOf('history'));
      await Promise.all([queues.ensureJobs(name, jobs), queues.ensureJobs(name, jobs.toReversed())]);
      expect(await queue.getPrioritizedCount()).toBe(300);
    });

    test('a job that is removed does not run', async () => {
      const queue = freshQueue();
      await queue.pause();
      const [gone, stays] = [jobOf('history'), jobOf('history')];
      await queues.ensureJobs(name, [gone, stays]);
      await queues.removeJobs(name, [gone.executionId]);
      const ran: string[] = [];
      await work(async (job) => {
        ran.push(job.id);
        return done;
      });
      await queue.resume();
      await waitUntil('the other to run', () => ran.length > 0);
      expect(ran).toEqual([stays.executionId]);
    });

    test('progress and log lines of a job are kept, whatever characters they hold', async () => {
      const queue = freshQueue();
      const job = jobOf('history');
      await work(async (one) => {
        await Promise.all([
          one.log('first \u0000 \uD800 line'),
          one.log('second'),
          one.reportProgress({ percent: 40 }),
          one.log('third'),
        ]);
        return done;
      });
      await queues.ensureJobs(name, [job]);
      await waitUntil('it to complete', async () => (await stateOf(job.executionId)) === 'completed');
      const { logs } = await queue.getJobLogs(job.executionId);
      expect(logs).toEqual(['first \uFFFD \uFFFD line', 'second', 'third']);
      expect((await queue.getJob(job.executionId))?.progress).toEqual({ percent: 40 });
    });

    test('a second connection sees the same queues', async () => {
      freshQueue();
      const job = jobOf('history');
      await queues.ensureJobs(name, [job]);
      const other = await connect();
      try {
        expect(await other.queue(name).getJobState(job.executionId)).toBe('prioritized');
        await other.ping();
      } finally {
        await other.close(CLOSE);
      }
    });
  });
});
