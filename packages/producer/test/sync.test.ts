import { setSymbolActive, untrackSymbol } from '@candlefleet/db';
import { MAINTENANCE_QUEUE } from '@candlefleet/queue';
import { queueBackends, waitUntil } from '@candlefleet/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createProducerFixture, DAY, MINUTE, START, type ProducerFixture } from './producer-fixture.js';

describe.each(queueBackends())('what is scheduled in $label', (backend) => {
  describe.skipIf(backend.skipped)(':', () => {
    let producer: ProducerFixture;
    beforeEach(async () => {
      producer = await createProducerFixture(backend);
    });
    afterEach(() => producer.close());

    const ids = async () => (await producer.schedulers()).map((one) => one.id).sort();

    test('is one scheduler a series, each on its own grid, and the upkeep', async () => {
      const minute = await producer.track('A/B', '1m');
      const hour = await producer.track('A/B', '1h');
      await producer.sync();
      expect(await ids()).toEqual([`tail-${minute}`, `tail-${hour}`].sort());
      for (const { everyMs, offsetMs = 0, nextMs, hasPendingJob } of await producer.schedulers()) {
        expect([MINUTE, 60 * MINUTE]).toContain(everyMs);
        expect(offsetMs).toBeGreaterThan(2_000);
        expect((nextMs - offsetMs) % (everyMs ?? 1)).toBe(0);
        expect(hasPendingJob).toBe(true);
      }
      const upkeep = await producer.queues.readSchedulers(MAINTENANCE_QUEUE);
      expect([...upkeep.keys()].sort()).toEqual(['retention', 'sweep']);
    });

    test('is there again soon after the store lost everything, and not only at the next round', async () => {
      const series = await producer.track('A/B');
      producer.start({ relayMs: 100 });
      await waitUntil('the scheduler', async () => (await ids()).length === 1);
      await producer.loseQueues();
      await waitUntil('the scheduler to be back', async () => (await ids()).includes(`tail-${series}`));
    });

    test('is not written again while nothing changes', async () => {
      await producer.track('A/B');
      await producer.sync();
      expect(producer.writes).toHaveLength(3);
      const before = await producer.schedulers();
      await producer.sync();
      expect(producer.writes).toHaveLength(3);
      expect(await producer.schedulers()).toEqual(before);
    });

    test('follows the watchlist: paused, removed and ended series go, resumed and new ones come, others are left alone', async () => {
      const [a, b, c] = [
        await producer.track('A/B'),
        await producer.track('C/D'),
        await producer.track('E/F'),
      ];
      await producer.sync();
      producer.writes.length = 0;
      await setSymbolActive(producer.db, { provider: 'p', symbol: 'A/B', active: false }, 'test');
      await untrackSymbol(producer.db, 'p', 'C/D', 'test');
      const d = await producer.track('G/H');
      await producer.track('I/J', '1m', { historyToMs: START + DAY });
      await producer.sync();
      expect(await ids()).toEqual([`tail-${c}`, `tail-${d}`].sort());
      expect(producer.writes.sort()).toEqual(
        [`remove tail-${a}`, `remove tail-${b}`, `upsert tail-${d}`].sort(),
      );
      await setSymbolActive(producer.db, { provider: 'p', symbol: 'A/B', active: true }, 'test');
      await producer.sync();
      expect(await ids()).toEqual([`tail-${a}`, `tail-${c}`, `tail-${d}`].sort());
    });

    test('is changed when its cadence changes', async () => {
      await producer.track('A/B');
      await producer.sync();
      await producer.db.sql`update tracked_symbols set schedule_override = '{"everyMs": 300000}'::jsonb`;
      await producer.sync();
      expect((await producer.schedulers()).map((one) => one.everyMs)).toEqual([300_000]);
      expect(producer.writes).toHaveLength(4);
    });

    test('is stretched when the watchlist needs more than the budget', async () => {
      // Weight 2 a minute each, and four fifths of 10 allowed: nine need three times as long.
      for (let n = 0; n < 9; n += 1) await producer.track(`S${n}/B`, '1m', { provider: 'small' });
      await producer.sync();
      const schedulers = await producer.queues.readSchedulers('backfill-small');
      expect([...schedulers.values()].map((one) => one.everyMs)).toEqual(
        Array.from({ length: 9 }, () => 3 * MINUTE),
      );
    });

    test('goes when it is not ours', async () => {
      const id = await producer.track('A/B');
      await producer.queues.upsertScheduler('backfill-p', {
        id: `tail-0${id}`,
        name: 'tail',
        everyMs: MINUTE,
        offsetMs: 7,
        data: { v: 1 },
      });
      await producer.sync();
      expect(await ids()).toEqual([`tail-${id}`]);
    });

    test('is put right when the queue forgot it, or lost the job of its next slot', async () => {
      await producer.track('A/B', '1d');
      await producer.sync();
      const queue = producer.queue();
      await queue.obliterate({ force: true });
      await queue.resume();
      await producer.sync();
      expect(await producer.schedulers()).toMatchObject([{ hasPendingJob: true }]);

      // A scheduler without the job of its next slot never fires again.
      await producer.loseScheduledJobs();
      await producer.loseScheduledJobs(MAINTENANCE_QUEUE);
      expect(await producer.schedulers()).toMatchObject([{ hasPendingJob: false }]);
      const upkeep = () => producer.schedulers(MAINTENANCE_QUEUE);
      expect((await upkeep()).map((one) => one.hasPendingJob)).toEqual([false, false]);
      producer.setNow(Date.now() + 3 * DAY);
      await producer.sync();
      expect(await producer.schedulers()).toMatchObject([{ hasPendingJob: true }]);
      expect((await upkeep()).map((one) => one.hasPendingJob)).toEqual([true, true]);
    });

    test('a daily series whose chain broke is put right soon after its slot, not days later', async () => {
      await producer.track('A/B', '1d');
      await producer.sync();
      const [before] = await producer.schedulers();
      await producer.loseScheduledJobs();
      producer.setNow((before?.nextMs ?? 0) + 2 * MINUTE);
      await producer.sync();
      expect(await producer.schedulers()).toMatchObject([{ hasPendingJob: true }]);
    });
  });
});
