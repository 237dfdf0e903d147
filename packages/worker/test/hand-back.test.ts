import { FleetError, tailExecutionId } from '@candlefleet/core';
import { queueBackends, waitUntil } from '@candlefleet/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLatch, createWorkerFixture, MINUTE, type WorkerFixture } from './worker-fixture.js';

describe.each(queueBackends())('a job in $label is handed back, and not counted,', (backend) => {
  describe.skipIf(backend.skipped)(':', () => {
    let fleet: WorkerFixture;
    beforeEach(async () => {
      fleet = await createWorkerFixture(backend);
    });
    afterEach(() => fleet.close());

    const deliverTail = async (): Promise<string> => {
      const slotMs = Math.floor(Date.now() / MINUTE) * MINUTE;
      return fleet.deliver(tailExecutionId(fleet.seriesId, slotMs), { kind: 'tail', slotMs });
    };

    test('when the budget is free later than a slot may wait: it comes back then, and nothing was sent', async () => {
      await fleet.budget.ban('p', 60_000);
      const id = await fleet.deliver(await fleet.plan(0, 10));
      await fleet.start();
      const delay = await fleet.delayOf(id);
      expect(delay).toBeGreaterThan(50_000);
      expect(delay).toBeLessThanOrEqual(61_000);
      expect(await fleet.row(id)).toMatchObject({
        status: 'pending',
        pendingReason: 'handed_back',
        errorCode: 'provider_banned',
        tries: 0,
      });
      expect((await fleet.queue().getJob(id))?.attemptsMade).toBe(0);
      expect(fleet.asked).toEqual([]);
    });

    test.each([
      ['rate_limited', 30_000],
      ['banned', 90_000],
    ])(
      'when the provider says %s: the whole fleet keeps away for as long as it says',
      async (code, retryAfterMs) => {
        fleet.answer(() => {
          throw new FleetError({ code, message: 'told by the provider', retryable: true, retryAfterMs });
        });
        const id = await fleet.deliver(await fleet.plan(0, 10));
        await fleet.start();
        await waitUntil(
          'the execution to be handed back',
          async () => (await fleet.row(id)).status === 'pending' && (await fleet.row(id)).fence === 1,
        );
        const { notBeforeMs, ...row } = await fleet.row(id);
        expect(row).toMatchObject({ pendingReason: 'handed_back', errorCode: code, tries: 0 });
        const policy = { limit: 6_000_000, windowMs: MINUTE };
        const taken = await fleet.budget.take({ provider: 'p', policy, weight: 1, urgent: true });
        expect(taken).toMatchObject({ granted: false, reason: 'banned' });
        expect(Math.abs(notBeforeMs - Date.now() - retryAfterMs)).toBeLessThan(5_000);
        // The queue itself rests: a job that comes now is not even tried.
        await waitUntil('the queue to rest', async () => (await fleet.queue().getRateLimitTtl()) > 0);
        const next = await fleet.deliver(await fleet.plan(20, 30));
        expect(await fleet.queue().getRateLimitTtl()).toBeGreaterThan(retryAfterMs - 10_000);
        expect(await fleet.row(next)).toMatchObject({ fence: 0 });
        expect(fleet.asked).toHaveLength(1);
      },
    );

    test('when its slice of time is over, at the next page; it goes on where it was', async () => {
      const id = await fleet.deliver(await fleet.plan(0, 30));
      await fleet.start({ timings: { sliceMs: -1 } });
      await fleet.until(id, 'completed');
      expect(await fleet.row(id)).toMatchObject({
        status: 'completed',
        outcome: 'stored',
        fence: 3,
        tries: 0,
      });
      expect(await fleet.attempts(id)).toEqual(['handed_back slice_over', 'handed_back slice_over']);
      expect(fleet.asked).toHaveLength(3);
      expect(await fleet.stored()).toBe(30);
    });

    test('when tails wait, at the next page: the tail goes first', async () => {
      const order: string[] = [];
      const firstPage = createLatch();
      const tailIsThere = createLatch();
      fleet.answer(async (page, request) => {
        order.push(request.urgent ? 'tail' : 'history');
        firstPage.open();
        await tailIsThere.opened;
        return page;
      });
      const id = await fleet.deliver(await fleet.plan(0, 20));
      await fleet.start({ concurrency: 1 });
      await firstPage.opened;
      await deliverTail();
      tailIsThere.open();
      await fleet.until(id, 'completed');
      expect(order).toEqual(['history', 'tail', 'history']);
      expect(await fleet.attempts(id)).toEqual(['handed_back tails_wait']);
      expect(await fleet.row(id)).toMatchObject({ tries: 0, fence: 2 });
    });

    test('when only the slot that is kept for tails is free', async () => {
      const atWork = createLatch();
      const release = createLatch();
      fleet.answer(async (page, request) => {
        if (!request.urgent) {
          atWork.open();
          await release.opened;
        }
        return page;
      });
      const first = await fleet.deliver(await fleet.plan(0, 10));
      await fleet.start({ concurrency: 2 });
      await atWork.opened;
      const second = await fleet.deliver(await fleet.plan(20, 30));
      await fleet.until(second, 'delayed');
      const tail = await deliverTail();
      await fleet.until(tail, 'completed');
      expect(await fleet.row(second)).toMatchObject({ status: 'pending', fence: 0 });
      release.open();
      await fleet.until(first, 'completed');
      await fleet.until(second, 'completed');
      expect(await fleet.row(second)).toMatchObject({ fence: 1, tries: 0 });
    });
  });
});
