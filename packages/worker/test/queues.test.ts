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

    test("consumes a new provider's queue without a restart", async () => {
      const worker = await fleet.start();
      expect([...worker.queueNames].sort()).toEqual(['backfill-p', 'maintenance']);
      const seriesId = await fleet.track('q');
      const id = await fleet.plan(0, 10, seriesId);
      await fleet.deliver(id, { provider: 'q', seriesId });
      await waitUntil('it to complete', async () => (await fleet.row(id)).status === 'completed');
      expect(await fleet.stored(seriesId)).toBe(10);
    });

    test('consumes no other queues than it was told to', async () => {
      await fleet.track('q');
      const worker = await fleet.start({ queueNames: ['backfill-q'] });
      await fleet.track('r');
      expect(worker.queueNames).toEqual(['backfill-q']);
      const id = await fleet.deliver(await fleet.plan(0, 10));
      const other = await fleet.start({ queueNames: ['backfill-p'] });
      await fleet.until(id, 'completed');
      expect([worker.queueNames, other.queueNames]).toEqual([['backfill-q'], ['backfill-p']]);
    });

    test('that stops stores the page in hand, hands the rest back uncounted, and gives its lease up', async () => {
      const asked = createLatch();
      const stopping = createLatch();
      fleet.answer(async (page) => {
        asked.open();
        await stopping.opened;
        return page;
      });
      const id = await fleet.deliver(await fleet.plan(0, 30));
      const worker = await fleet.start();
      await asked.opened;
      const closed = worker.close({ deadlineMs: 10_000 });
      stopping.open();
      await closed;
      expect(await fleet.row(id)).toMatchObject({
        status: 'pending',
        pendingReason: 'handed_back',
        tries: 0,
      });
      expect(await fleet.stored()).toBe(10);
      const [lease] = await fleet.db.sql<{ lives: boolean }[]>`
        select lease_until > clock_timestamp() as lives from workers where worker_id = ${worker.workerId}`;
      expect(lease?.lives).toBe(false);
    });
  });
});
