import { newExecutionId, tailExecutionId } from '@candlefleet/core';
import { createClaimer, renewLease, reapExecutions } from '@candlefleet/db';
import type { JobEnding } from '@candlefleet/queue';
import { queueBackends, waitUntil } from '@candlefleet/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createProducerFixture, MINUTE, QUEUE, START, type ProducerFixture } from './producer-fixture.js';

describe.each(queueBackends())('every pending execution that is due has a job in $label', (backend) => {
  describe.skipIf(backend.skipped)(':', () => {
    let producer: ProducerFixture;
    let seriesId: number;
    beforeEach(async () => {
      producer = await createProducerFixture(backend);
      seriesId = await producer.track('A/B', '1m', { historyToMs: START + 100 * MINUTE });
    });
    afterEach(() => producer.close());

    const planned = async (): Promise<string> => {
      await producer.plan();
      const [row] = await producer.rows();
      return row?.executionId ?? '';
    };
    const isWaiting = async (id: string) =>
      ['waiting', 'prioritized'].includes(await producer.queue().getJobState(id));
    const endJob = async (id: string, ending: JobEnding) => {
      const worker = await producer.queues.startWorker(QUEUE, async () => ending, { concurrency: 1 });
      const state = ending.do === 'fail' ? 'failed' : 'completed';
      await waitUntil(
        `the job to be ${state}`,
        async () => (await producer.queue().getJobState(id)) === state,
      );
      await worker.close({ deadlineMs: 5_000 });
    };

    test('added at first, left alone while it waits, and added again when the queue lost it', async () => {
      const id = await planned();
      expect(await producer.queue().getJobState(id)).toBe('unknown');
      await producer.relay();
      expect(await isWaiting(id)).toBe(true);
      const before = await producer.queue().getJob(id);
      await producer.relay();
      expect((await producer.queue().getJob(id))?.timestamp).toBe(before?.timestamp);
      await producer.queue().obliterate({ force: true });
      await producer.queue().resume();
      await producer.relay();
      expect(await isWaiting(id)).toBe(true);
      expect((await producer.queue().getJob(id))?.data).toEqual({
        v: 1,
        executionId: id,
        seriesId,
        provider: 'p',
        symbol: 'A/B',
        timeframe: '1m',
        calendar: '24x7',
        kind: 'history',
      });
    });

    test.each<[string, JobEnding]>([
      ['completed', { do: 'complete' }],
      ['failed', { do: 'fail', code: 'x', message: 'x' }],
    ])('replaced when it %s and the execution is pending all the same', async (_state, ending) => {
      const id = await planned();
      await producer.relay();
      await endJob(id, ending);
      await producer.relay();
      expect(await isWaiting(id)).toBe(true);
    });

    test('not before it has been due for the grace', async () => {
      const id = await planned();
      await producer.relay(60_000);
      expect(await producer.queue().getJobState(id)).toBe('unknown');
      await producer.db
        .sql`update backfill_state_persistent set not_before = clock_timestamp() + interval '1 minute'`;
      await producer.relay();
      expect(await producer.queue().getJobState(id)).toBe('unknown');
      await producer.db
        .sql`update backfill_state_persistent set not_before = clock_timestamp() - interval '61 seconds'`;
      await producer.relay(60_000);
      expect(await isWaiting(id)).toBe(true);
    });

    test('and none of any other status', async () => {
      const id = await planned();
      await producer.db.sql`
        update backfill_state_persistent set status = 'cancelled', pending_reason = null, completed_at = clock_timestamp()`;
      await producer.relay();
      expect(await producer.queue().getJobState(id)).toBe('unknown');
    });

    test('a tail that lost its worker is pending by the reaper, and comes again with its slot', async () => {
      const workerId = newExecutionId();
      const lease = { host: 'h', pid: 1, version: '0', leaseMs: 60_000, held: [], queues: [], load: {} };
      await renewLease(producer.db, { workerId, ...lease });
      const slotMs = START + 100 * MINUTE;
      const executionId = tailExecutionId(seriesId, slotMs);
      const range = { fromMs: START + 90 * MINUTE, toMs: START + 100 * MINUTE };
      const tail = { seriesId, slotMs, range, rereadFromMs: range.fromMs };
      expect(await createClaimer(producer.db, workerId)({ executionId, tail })).toMatchObject({
        outcome: 'claimed',
      });
      expect(await reapExecutions(producer.db)).toEqual([]);
      await producer.db.sql`update workers set lease_until = clock_timestamp() - interval '1 second'`;

      producer.start({ reapMs: 50, relayMs: 50 });
      await waitUntil('its job', () => isWaiting(executionId));
      expect((await producer.queue().getJob(executionId))?.data).toMatchObject({
        kind: 'tail',
        executionId,
        slotMs,
      });
      const rows = await producer.rows();
      expect(rows.find((row) => row.executionId === executionId)).toMatchObject({
        status: 'pending',
        pendingReason: 'worker_lost',
        crashes: 1,
      });
    });
  });
});
