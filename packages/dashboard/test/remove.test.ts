import { queueBackends, waitUntil } from '@candlefleet/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createBoardFixture, QUEUE, type BoardFixture } from './board-fixture.js';

describe.each(queueBackends())('a removal in Bull Board, with the queue in $label', (backend) => {
  describe.skipIf(backend.skipped)(':', () => {
    let board: BoardFixture;
    beforeEach(async () => {
      board = await createBoardFixture(backend);
    });
    afterEach(() => board.close());

    const jobs = async (ids: readonly string[]) =>
      (await Promise.all(ids.map((id) => board.queue.getJob(id)))).filter(Boolean).length;
    /** Holds the row's lock meanwhile: were the job removed first, it would be gone. */
    async function expectRowFirst(id: string, remove: () => Promise<{ status: number }>): Promise<void> {
      let answer: Promise<{ status: number }> | undefined;
      await board.db.sql.begin(async (sql) => {
        await sql`select 1 from backfill_state_persistent where execution_id = ${id} for update`;
        answer = remove();
        await waitUntil('the cancellation to wait for the row', async () => {
          const [row] = await board.db.sql`
            select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
              and query like '%cancel_executions%'`;
          return row;
        });
        expect(await jobs([id])).toBe(1);
      });
      expect([200, 204]).toContain((await answer)?.status);
    }

    test('of one job cancels its execution, and only then takes the job', async () => {
      const [id = '', other = ''] = await board.enqueue(2);
      await expectRowFirst(id, () => board.change(`${id}/clean`));
      expect(await board.statuses([id, other])).toEqual(['cancelled', 'pending']);
      expect(await jobs([id])).toBe(0);
      expect(await jobs([other])).toBe(1);
      expect(await board.audited('execution.cancel')).toEqual([id]);
    });

    test('of a failed job leaves its execution failed: it is over already', async () => {
      const [id = ''] = await board.failed(1);
      expect((await board.change(`${id}/clean`)).status).toBe(204);
      expect(await board.statuses([id])).toEqual(['failed']);
      expect(await jobs([id])).toBe(0);
    });

    test('of all waiting ones (empty) cancels theirs; delayed ones stay', async () => {
      const [first = '', ...rest] = await board.enqueue(3);
      const delayed = await board.enqueue(2, 3_600_000);
      await expectRowFirst(first, () => board.change('empty'));
      expect(await board.statuses([first, ...rest])).toEqual(['cancelled', 'cancelled', 'cancelled']);
      expect(await board.statuses(delayed)).toEqual(['pending', 'pending']);
      expect(await jobs([first, ...rest])).toBe(0);
      expect(await jobs(delayed)).toBe(2);
    });

    test('of all waiting ones of a paused queue cancels theirs too', async () => {
      await board.change('pause');
      const ids = await board.enqueue(3);
      expect((await board.change('empty')).status).toBe(200);
      expect(await jobs(ids)).toBe(0);
      expect(await board.statuses(ids)).toEqual(['cancelled', 'cancelled', 'cancelled']);
    });

    test('of one state cancels the executions of that state', async () => {
      const [waiting = ''] = await board.enqueue(1);
      const [delayed = ''] = await board.enqueue(1, 3_600_000);
      await expectRowFirst(delayed, () => board.change('clean/delayed'));
      expect(await board.statuses([waiting, delayed])).toEqual(['pending', 'cancelled']);
      expect(await jobs([delayed])).toBe(0);
      expect((await board.change('clean/prioritized')).status).toBe(200);
      expect(await board.statuses([waiting])).toEqual(['cancelled']);
      expect(await jobs([waiting])).toBe(0);
    });

    test('of failed ones cancels nothing', async () => {
      const [failed = ''] = await board.failed(1);
      const [waiting = ''] = await board.enqueue(1);
      expect((await board.change('clean/failed')).status).toBe(200);
      expect(await board.statuses([failed, waiting])).toEqual(['failed', 'pending']);
      expect(await jobs([waiting])).toBe(1);
    });

    test('of the queue (obliterate) cancels all that was unfinished, also what the pause holds back', async () => {
      const failed = await board.failed(1);
      await board.change('pause');
      const waiting = await board.enqueue(2);
      const delayed = await board.enqueue(1, 3_600_000);
      expect((await board.change('obliterate')).status).toBe(200);
      expect(await jobs([...failed, ...waiting, ...delayed])).toBe(0);
      expect(await board.statuses([...waiting, ...delayed])).toEqual(['cancelled', 'cancelled', 'cancelled']);
      expect(await board.statuses(failed)).toEqual(['failed']);
    });

    test('of a queue at work is refused by Bull Board and cancels nothing, unless it is forced', async () => {
      const [running = '', waiting = ''] = await board.enqueue(2);
      const release = await board.workUntilReleased();
      await waitUntil('a job to be active', async () => (await board.queue.getActiveCount()) === 1);
      await board.change('pause');
      expect((await board.change('obliterate')).status).toBe(409);
      expect(await board.statuses([running, waiting])).toEqual(['pending', 'pending']);
      expect(await jobs([running, waiting])).toBe(2);

      const forced = { headers: { 'content-type': 'application/json' }, body: '{"force":true}' };
      const path = `/queues/api/queues/${QUEUE}/obliterate`;
      expect((await board.ask('PUT', path, forced)).status).toBe(200);
      expect(await board.statuses([running, waiting])).toEqual(['cancelled', 'cancelled']);
      expect(await jobs([running, waiting])).toBe(0);
      release();
    });

    test('of a queue that is not paused is refused by Bull Board, and cancels nothing', async () => {
      const [id = ''] = await board.enqueue(1);
      expect((await board.change('obliterate')).status).toBe(400);
      expect(await board.statuses([id])).toEqual(['pending']);
      expect(await jobs([id])).toBe(1);
      expect(await board.queues.isPaused(QUEUE)).toBe(false);
    });
  });
});
