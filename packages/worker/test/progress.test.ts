import { connectQueues, type QueueConnection } from '@candlefleet/queue';
import { queueBackends, startWire, waitUntil, type Wire } from '@candlefleet/testing';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLatch, createWorkerFixture, type WorkerFixture } from './worker-fixture.js';

describe.each(queueBackends())('a worker with its queues in $label', (backend) => {
  describe.skipIf(backend.skipped)(':', () => {
    let fleet: WorkerFixture;
    let wire: Wire;
    let far: QueueConnection;
    beforeEach(async () => {
      fleet = await createWorkerFixture(backend);
      wire = await startWire(backend.redisUrl ?? fleet.db.url);
      const at = backend.redisUrl ? { redisUrl: wire.url, databaseUrl: '' } : { databaseUrl: wire.url };
      const log = pino({ level: 'silent' });
      far = await connectQueues({ ...at, namespace: fleet.namespace, applicationName: 'far', log });
    });
    afterEach(async () => {
      // What is silent is told so, and comes back.
      wire.reset();
      await fleet.close();
      await far.close({ deadlineMs: 1_000 });
      await wire.close();
    });

    /** The connections on which the worker hears of jobs and takes them fall silent, as a failover leaves them. */
    async function silenceWorker(): Promise<void> {
      await far.ping();
      for (const port of await (backend.redisUrl ? takingInRedis(backend.redisUrl) : listening()))
        wire.silence(port);
    }
    async function takingInRedis(url: string): Promise<number[]> {
      const redis = new Redis(url);
      try {
        const clients = String(await redis.client('LIST')).split('\n');
        const ours = clients.filter((line) => / name=far /.test(line) && !/ cmd=ping /.test(line));
        return ours.map((line) => Number(/ addr=\S+:(\d+) /.exec(line)?.[1]));
      } finally {
        redis.disconnect();
      }
    }
    async function listening(): Promise<number[]> {
      const rows = await fleet.db.sql<{ port: number }[]>`
        select client_port as port from pg_stat_activity
        where datname = current_database() and query ilike 'listen%'`;
      return rows.map(({ port }) => port);
    }

    test('on whose silent connections it hears of no job: it takes it all the same, or its check fails until then', async () => {
      const worker = await fleet.start({ queues: far, timings: { progressMs: 1_000 } });
      await fleet.until(await fleet.deliver(await fleet.plan(0, 10)), 'completed');
      await silenceWorker();
      const id = await fleet.deliver(await fleet.plan(10, 20));
      // BullMQ looks into Postgres every five seconds whatever it hears; in Redis its very look hangs.
      if (backend.name === 'postgres') return fleet.until(id, 'completed');
      await waitUntil('the check to fail', () => !worker.progress.look().ok);
      expect(worker.progress.look()).toMatchObject({
        found: expect.stringMatching(/^jobs of backfill-p wait, and none was taken for \d+ s/),
        remedy: expect.stringContaining('Restart'),
      });
      expect((await fleet.row(id)).fence).toBe(0);
      await fleet.queue().pause();
      await waitUntil('a paused queue to be no failure', () => worker.progress.look().ok);
      return undefined;
    });

    test('fails its check while an execution in hand does not get on', async () => {
      const stuck = createLatch();
      fleet.answer(async (page) => {
        await stuck.opened;
        return page;
      });
      const worker = await fleet.start({ timings: { progressMs: 250 } });
      const id = await fleet.deliver(await fleet.plan(0, 10));
      await waitUntil('the check to fail', () => !worker.progress.look().ok);
      expect(worker.progress.look().found).toContain(`execution ${id} has not got on`);
      stuck.open();
      await fleet.until(id, 'completed');
      await waitUntil('the check to be well again', () => worker.progress.look().ok);
    });
  });
});
