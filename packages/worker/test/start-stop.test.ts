import { systemClock } from '@candlefleet/core';
import type { QueueConnection } from '@candlefleet/queue';
import { queueBackends, waitUntil } from '@candlefleet/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLatch, createWorkerFixture, type WorkerFixture } from './worker-fixture.js';

describe.each(queueBackends())('a worker with its queues in $label', (backend) => {
  describe.skipIf(backend.skipped)(':', () => {
    let fleet: WorkerFixture;
    beforeEach(async () => {
      fleet = await createWorkerFixture(backend);
    });
    afterEach(() => fleet.close());

    test('that abandons work at its deadline says so by an error', async () => {
      const asked = createLatch();
      const stuck = createLatch();
      fleet.answer(async (page) => {
        asked.open();
        await stuck.opened;
        return page;
      });
      const id = await fleet.deliver(await fleet.plan(0, 10));
      const worker = await fleet.start();
      await asked.opened;
      await expect(worker.close({ deadlineMs: 300 })).rejects.toMatchObject({ code: 'work_abandoned' });
      stuck.open();
      await fleet.until(id, 'delayed', 'completed', 'active');
    });

    test('opens no queue while its clock is wrong, rests while it becomes so, and goes on once it is right', async () => {
      let offMs = 5_000;
      const clock = { nowMs: () => systemClock.nowMs() + offMs };
      const worker = await fleet.start({ clock, timings: { renewMs: 50 } });
      const first = await fleet.deliver(await fleet.plan(0, 10));
      expect(worker.queueNames).toEqual([]);
      offMs = 0;
      await fleet.until(first, 'completed');
      offMs = -5_000;
      await waitUntil('the clock to be found wrong', () => !worker.mayWork);
      // One that was being waited for may still be taken: it is given back, and the next are not taken.
      const ids = [
        await fleet.deliver(await fleet.plan(10, 20)),
        await fleet.deliver(await fleet.plan(20, 30)),
        await fleet.deliver(await fleet.plan(30, 40)),
      ];
      await waitUntil(
        'nothing to be waited for',
        async () => (await fleet.queue().getPrioritizedCount()) >= 2,
      );
      expect((await Promise.all(ids.map((id) => fleet.row(id)))).map(({ fence }) => fence)).toEqual([
        0, 0, 0,
      ]);
      offMs = 0;
      await waitUntil('the clock to be believed', () => worker.mayWork);
      await waitUntil('two of them', async () => (await fleet.queue().getCompletedCount()) >= 3);
    });
  });
});

describe('the look for queues', () => {
  let fleet: WorkerFixture;
  beforeEach(async () => {
    const [backend] = queueBackends();
    if (!backend) throw new Error('there is no queue backend');
    fleet = await createWorkerFixture(backend);
  });
  afterEach(() => fleet.close());

  test('leaves what could not be opened to the next look, and opens nothing twice', async () => {
    const opened: string[] = [];
    const refusals = new Map([['backfill-p', 2]]);
    const startWorker: QueueConnection['startWorker'] = async (name, handle, settings) => {
      const left = refusals.get(name) ?? 0;
      refusals.set(name, left - 1);
      if (left > 0) throw new Error('too many clients already');
      opened.push(name);
      return fleet.queues.startWorker(name, handle, settings);
    };
    const worker = await fleet.start({
      queues: { ...fleet.queues, startWorker },
      timings: { discoverMs: 20 },
    });
    expect(worker.queueNames).toEqual(['maintenance']);
    const id = await fleet.deliver(await fleet.plan(0, 10));
    await fleet.until(id, 'completed');
    expect(opened).toEqual(['maintenance', 'backfill-p']);
  });
});
