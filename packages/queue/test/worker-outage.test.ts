import { newExecutionId } from '@candlefleet/core';
import {
  createTestDatabase,
  forgetNamespace,
  queueBackends,
  startWire,
  testNamespace,
  waitUntil,
  type TestDatabase,
  type Wire,
} from '@candlefleet/testing';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectQueues, type QueueConnection } from '../src/connect-queues.js';
import type { JobHandler, RunningWorker } from '../src/start-worker.js';

const log = pino({ level: 'silent' });
const CLOSE = { deadlineMs: 5_000 };
const done = { do: 'complete' } as const;
const SETTINGS = { concurrency: 2, lockDurationMs: 2_000 };

describe.each(queueBackends())('a worker of a queue in $label', ({ name, redisUrl, skipped }) => {
  describe.skipIf(skipped)(':', () => {
    let database: TestDatabase;
    let wire: Wire;
    let near: QueueConnection;
    let far: QueueConnection;
    let namespace = '';
    const ran: string[] = [];
    const workers: RunningWorker[] = [];

    beforeEach(async () => {
      ran.length = 0;
      namespace = testNamespace();
      database = await createTestDatabase({ empty: true });
      wire = await startWire(redisUrl ?? database.url);
      const common = { namespace, applicationName: 'test', log };
      near = await connectQueues({ ...common, redisUrl, databaseUrl: database.url });
      const cut = redisUrl ? { redisUrl: wire.url, databaseUrl: '' } : { databaseUrl: wire.url };
      far = await connectQueues({ ...common, ...cut });
    });
    afterEach(async () => {
      await Promise.all(workers.splice(0).map((worker) => worker.close(CLOSE)));
      await Promise.all([near.close(CLOSE), far.close(CLOSE)]);
      await wire.close();
      await forgetNamespace(redisUrl, namespace);
      await database.drop();
    });

    async function work(whileAtIt: JobHandler = async () => done): Promise<RunningWorker> {
      const handle: JobHandler = async (job, signal) => {
        const ending = await whileAtIt(job, signal);
        ran.push(job.id);
        return ending;
      };
      const worker = await far.startWorker('q', handle, SETTINGS);
      workers.push(worker);
      return worker;
    }
    async function deliver(): Promise<string> {
      const executionId = newExecutionId();
      const series = {
        seriesId: 1,
        provider: 'p',
        symbol: 'A/B',
        timeframe: '1m',
        calendar: '24x7',
      } as const;
      await near.ensureJobs('q', [{ v: 1, ...series, kind: 'tail', executionId }]);
      return executionId;
    }
    const toRun = (id: string) => waitUntil('the job to run', () => ran.includes(id), 45_000);

    test('is refused while its store is away, and works when built again', async () => {
      await far.open('q');
      await wire.cut();
      // A worker of Redis waits for it by itself, and is given up only by its deadline.
      if (name === 'postgres') await expect(work()).rejects.toThrow(Error);
      await wire.restore();
      await work();
      await toRun(await deliver());
    });

    test('goes on by itself after its store was away', async () => {
      const worker = await work();
      await toRun(await deliver());
      await wire.cut();
      await wire.restore();
      await toRun(await deliver());
      expect(worker.isRunning).toBe(true);
    });

    test('goes on by itself after nobody answered it', async () => {
      await work();
      await toRun(await deliver());
      wire.swallow();
      const id = await deliver();
      await wire.restore();
      await toRun(id);
    });

    test('is not held up by what it tells people while nobody answers', async () => {
      await work(async (job) => {
        wire.swallow();
        for (const percent of [10, 20, 30]) {
          await job.reportProgress({ percent });
          await job.log(`${percent} %`);
        }
        return done;
      });
      await toRun(await deliver());
      await wire.restore();
    });

    test('takes nothing while it is paused, and goes on when it is resumed', async () => {
      const worker = await work();
      await toRun(await deliver());
      worker.pause();
      // What was being waited for when it was paused is still taken; then nothing.
      const ids = [await deliver(), await deliver(), await deliver()];
      await waitUntil('nothing to be waited for', async () => (await near.waitingTails('q')) >= 2);
      expect(worker.isRunning).toBe(true);
      expect(ids.filter((id) => ran.includes(id)).length).toBeLessThan(2);
      worker.resume();
      for (const id of ids) await toRun(id);
    });

    test('that was closed runs no more', async () => {
      const worker = await work();
      expect(worker.isRunning).toBe(true);
      expect(await worker.close(CLOSE)).toBe('closed');
      expect(worker.isRunning).toBe(false);
    });
  });
});
