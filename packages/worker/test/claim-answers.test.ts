import { newExecutionId, tailExecutionId } from '@candlefleet/core';
import { cancelExecutions } from '@candlefleet/db';
import { queueBackends } from '@candlefleet/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createWorkerFixture, MINUTE, START, type WorkerFixture } from './worker-fixture.js';

describe.each(queueBackends())('what becomes of a job in $label when its claim answers', (backend) => {
  describe.skipIf(backend.skipped)(':', () => {
    let fleet: WorkerFixture;
    beforeEach(async () => {
      fleet = await createWorkerFixture(backend);
    });
    afterEach(() => fleet.close());

    test('claimed: it is done, and completes', async () => {
      const id = await fleet.deliver(await fleet.plan(0, 25));
      await fleet.start();
      await fleet.until(id, 'completed');
      expect(await fleet.row(id)).toMatchObject({
        status: 'completed',
        outcome: 'stored',
        requests: 3,
        fence: 1,
      });
      expect(await fleet.stored()).toBe(25);
      expect(fleet.asked).toHaveLength(3);
    });

    test('nothing_missing: it completes without a request', async () => {
      const first = await fleet.deliver(await fleet.plan(0, 10));
      await fleet.start();
      await fleet.until(first, 'completed');
      const again = await fleet.deliver(await fleet.plan(2, 8));
      expect(await fleet.note(again)).toEqual({ note: 'nothing_missing' });
      expect(await fleet.row(again)).toMatchObject({ status: 'completed', outcome: 'nothing_missing' });
      expect(fleet.asked).toHaveLength(1);
    });

    test('held: it comes back in ten seconds, and is not counted', async () => {
      const id = await fleet.plan(0, 10);
      await fleet.heldByAnother(id);
      await fleet.deliver(id);
      await fleet.start();
      const delay = await fleet.delayOf(id);
      expect(delay).toBeGreaterThan(8_000);
      expect(delay).toBeLessThanOrEqual(10_500);
      expect(await fleet.row(id)).toMatchObject({ status: 'in_progress', fence: 1, tries: 0 });
      expect((await fleet.queue().getJob(id))?.attemptsMade).toBe(0);
    });

    test('not_yet: it comes back when the execution is due', async () => {
      const id = await fleet.plan(0, 10);
      await fleet.db.sql`
        update backfill_state_persistent set not_before = clock_timestamp() + interval '1 hour' where execution_id = ${id}`;
      await fleet.deliver(id);
      await fleet.start();
      const delay = await fleet.delayOf(id);
      expect(delay).toBeGreaterThan(3_595_000);
      expect(delay).toBeLessThanOrEqual(3_601_000);
      expect(await fleet.row(id)).toMatchObject({ status: 'pending', fence: 0, tries: 0 });
    });

    test('no_lease: it comes back in ten seconds', async () => {
      const id = await fleet.plan(0, 10);
      const worker = await fleet.start();
      await fleet.db.sql`
        update workers set lease_until = clock_timestamp() - interval '1 second' where worker_id = ${worker.workerId}`;
      await fleet.deliver(id);
      expect(await fleet.delayOf(id)).toBeGreaterThan(8_000);
      expect(await fleet.row(id)).toMatchObject({ status: 'pending', fence: 0 });
    });

    test('completed, cancelled and gone: it completes, and nothing is asked for', async () => {
      const cancelled = await fleet.plan(0, 10);
      await cancelExecutions(fleet.db, [cancelled], 'a person');
      const completed = await fleet.plan(20, 30);
      await fleet.db.sql`
        update backfill_state_persistent set status = 'completed', outcome = 'stored', pending_reason = null,
          completed_at = clock_timestamp() where execution_id = ${completed}`;
      const gone = newExecutionId();
      for (const id of [cancelled, completed, gone]) await fleet.deliver(id);
      await fleet.start();
      expect(await fleet.note(cancelled)).toEqual({ note: 'cancelled' });
      expect(await fleet.note(completed)).toEqual({ note: 'completed' });
      expect(await fleet.note(gone)).toEqual({ note: 'gone' });
      expect(fleet.asked).toEqual([]);
    });

    test('failed: it fails without work: only a person makes a failed execution run again', async () => {
      const id = await fleet.plan(0, 10);
      await fleet.db.sql`
        update backfill_state_persistent set status = 'failed', pending_reason = null, completed_at = clock_timestamp(),
          error_code = 'x', error_message = 'x' where execution_id = ${id}`;
      await fleet.deliver(id);
      await fleet.start();
      await fleet.until(id, 'failed');
      expect((await fleet.queue().getJob(id))?.failedReason).toMatch(/^execution_failed: /);
      expect(await fleet.row(id)).toMatchObject({ status: 'failed', fence: 0 });
      expect(fleet.asked).toEqual([]);
    });

    test("claimed, of a tail: its row is its slot's, and it reads the newest closed candles", async () => {
      const slotMs = Math.floor(Date.now() / MINUTE) * MINUTE;
      const id = tailExecutionId(fleet.seriesId, slotMs);
      await fleet.deliver(id, { kind: 'tail', slotMs });
      await fleet.start();
      await fleet.until(id, 'completed');
      const row = await fleet.row(id);
      expect(row).toMatchObject({ kind: 'tail', status: 'completed', outcome: 'stored', requests: 1 });
      expect(row.toMs - row.fromMs).toBe(10 * MINUTE);
      expect(row.toMs).toBeLessThanOrEqual(Date.now());
      expect(row.fromMs).toBeGreaterThan(START);
    });
  });
});
