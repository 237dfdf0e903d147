import { queueBackends, waitUntil } from '@candlefleet/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createBoardFixture, type BoardFixture } from './board-fixture.js';

describe.each(queueBackends())('a retry in Bull Board, with the queue in $label', (backend) => {
  describe.skipIf(backend.skipped)(':', () => {
    let board: BoardFixture;
    beforeEach(async () => {
      board = await createBoardFixture(backend);
    });
    afterEach(() => board.close());

    test('of one job continues the same execution, counted and audited, and leaves the others failed', async () => {
      const [id = '', other = ''] = await board.failed(2);
      expect(await board.row(id)).toMatchObject({ status: 'failed', errorCode: 'planted', retryCount: 0 });

      expect((await board.change(`${id}/retry`)).status).toBe(204);
      expect(await board.row(id)).toMatchObject({
        status: 'pending',
        pendingReason: 'asked_again',
        retryCount: 1,
      });
      expect(await board.audited('execution.retry')).toEqual([id]);
      expect(['waiting', 'prioritized']).toContain(await board.queue.getJobState(id));

      await board.work('complete');
      await waitUntil('it to complete', async () => (await board.queue.getJobState(id)) === 'completed');
      expect(await board.row(id)).toMatchObject({ status: 'completed', outcome: 'stored', retryCount: 1 });
      expect(await board.row(other)).toMatchObject({ status: 'failed', retryCount: 0 });
      expect(await board.queue.getJobState(other)).toBe('failed');
    });

    test('of all failed jobs continues each of them', async () => {
      const ids = await board.failed(5);
      const answer = await board.change('retry/failed');
      expect(answer.status).toBe(200);
      expect(JSON.parse(answer.text)).toEqual({ retried: 5, skipped: 0 });
      expect(await board.statuses(ids)).toEqual(ids.map(() => 'pending'));
      expect(await board.audited('execution.retry')).toEqual([...ids].sort());

      await board.work('complete');
      await waitUntil('all to complete', async () => (await board.queue.getCompletedCount()) === 5);
      for (const id of ids)
        expect(await board.row(id)).toMatchObject({ status: 'completed', retryCount: 1, tries: 0 });
    });

    test('of a job that has not failed changes nothing', async () => {
      const [id = ''] = await board.enqueue(1);
      expect((await board.change(`${id}/retry`)).status).toBe(400);
      expect(await board.row(id)).toMatchObject({ status: 'pending', retryCount: 0 });
      expect(await board.audited('execution.retry')).toEqual([]);
    });

    test('of a completed job is no way to run it again', async () => {
      const [id = ''] = await board.enqueue(1);
      await board.work('complete');
      await waitUntil('it to complete', async () => (await board.queue.getJobState(id)) === 'completed');
      expect((await board.change(`${id}/retry`)).status).toBe(405);
      expect(await board.queue.getJobState(id)).toBe('completed');
      expect(await board.row(id)).toMatchObject({ status: 'completed', retryCount: 0 });
    });
  });
});
