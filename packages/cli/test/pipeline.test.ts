import { createSimulatedMarket } from '@candlefleet/providers';
import { backfillQueueName } from '@candlefleet/queue';
import { queueBackends, waitUntil } from '@candlefleet/testing';
import {
  cancelExecutions,
  listAttempts,
  listExecutions,
  retryExecutions,
  setSymbolActive,
  startRun,
} from '@candlefleet/db';
import { afterEach, describe, expect, test } from 'vitest';
import { startFleet, type Fleet, type FleetOptions } from './fleet.js';

const M = 60_000;
const DAY = 24 * 60 * M;
const FROM = Date.UTC(2024, 2, 4);
const market = createSimulatedMarket({ seed: 11, symbols: ['BTC/USDT', 'ETH/USDT', 'SOL/USDT'] });

describe.each(queueBackends())('the pipeline, with its queue in $name', (backend) => {
  describe.skipIf(backend.skipped)(backend.skipped ? `[skipped: ${backend.skipped}]` : ':', () => {
    let fleet: Fleet;
    const begin = async (more: Partial<FleetOptions> = {}) => {
      fleet = await startFleet({ backend, market, ...more });
    };
    afterEach(() => fleet.close());

    test('the table equals the source, row by row, in the fewest requests', async () => {
      await begin();
      await fleet.track('BTC/USDT', '1m', FROM, FROM + 5_500 * M);
      await fleet.track('ETH/USDT', '1h', FROM, FROM + 90 * DAY);
      await fleet.track('SOL/USDT', '1d', FROM, FROM + 200 * DAY);
      await fleet.settled();
      for (const [symbol, timeframe, toMs] of [
        ['BTC/USDT', '1m', FROM + 5_500 * M],
        ['ETH/USDT', '1h', FROM + 90 * DAY],
        ['SOL/USDT', '1d', FROM + 200 * DAY],
      ] as const) {
        expect(await fleet.stored(symbol, timeframe)).toEqual(fleet.truth(symbol, timeframe, FROM, toMs));
      }
      expect(fleet.pages()).toBe(6 + 3 + 1);
      const rows = await listExecutions(fleet.db, { limit: 100 });
      expect(
        rows.every((row) => row.status === 'completed' && row.outcome === 'stored' && row.kind === 'history'),
      ).toBe(true);
    });

    test('a fleet that is up to date asks for nothing', async () => {
      await begin();
      await fleet.track('BTC/USDT', '1h', FROM, FROM + 10 * DAY);
      await fleet.settled();
      const before = fleet.server.requests.length;
      // The planner, the relay and the reaper go round several times.
      const planned = await listExecutions(fleet.db, { limit: 100 });
      const until = Date.now() + 2_500;
      await waitUntil('several rounds', () => Date.now() > until);
      expect(fleet.server.requests.length).toBe(before);
      expect(await listExecutions(fleet.db, { limit: 100 })).toHaveLength(planned.length);
    });

    test('a tail fetches what is new with its revision window, in one request; the next one finds nothing missing', async () => {
      await begin({ withoutProducer: true });
      const nowMinute = Math.floor(Date.now() / M) * M;
      await fleet.track('BTC/USDT', '1h', FROM);
      const seriesId = await fleet.seriesId('BTC/USDT', '1h');
      const tail = (slotMs: number) => ({
        v: 1 as const,
        executionId: `00000000-0000-5000-8000-${String(slotMs).padStart(12, '0').slice(-12)}`,
        seriesId,
        provider: 'replay',
        symbol: 'BTC/USDT',
        timeframe: '1h' as const,
        calendar: '24x7',
        kind: 'tail' as const,
        slotMs,
      });
      const queue = backfillQueueName('replay');
      await fleet.queues.ensureJobs(queue, [tail(nowMinute)]);
      const first = await waitUntil('the first tail', async () => {
        const [row] = await listExecutions(fleet.db, { limit: 1, statuses: ['completed'] });
        return row;
      });
      expect(first).toMatchObject({ kind: 'tail', outcome: 'stored', recordsInserted: 1_000, requests: 1 });
      expect(fleet.pages()).toBe(1);
      await fleet.queues.ensureJobs(queue, [tail(nowMinute + 1)]);
      await waitUntil(
        'the second tail',
        async () => (await listExecutions(fleet.db, { limit: 5, statuses: ['completed'] })).length === 2,
      );
      const [second] = await listExecutions(fleet.db, { limit: 1 });
      expect(second).toMatchObject({ outcome: 'nothing_missing', requests: 0 });
      expect(fleet.pages()).toBe(1);
    });

    test("a person's run comes before history, and ends when it has everything", async () => {
      await begin({ withoutWorker: true });
      await fleet.track('BTC/USDT', '1m', FROM, FROM + 30 * DAY);
      const seriesId = await fleet.seriesId('BTC/USDT', '1m');
      const range = { fromMs: FROM + DAY, toMs: FROM + 2 * DAY };
      const runId = await startRun(fleet.db, {
        seriesId,
        range,
        requestedBy: 'me',
        candlesEstimated: 1_440,
        requestsEstimated: 2,
      });
      await fleet.startWorker();
      await fleet.settled();
      const rows = await listExecutions(fleet.db, { limit: 100 });
      expect(rows.some((row) => row.runId === runId && row.kind === 'manual')).toBe(true);
      expect(await fleet.stored('BTC/USDT', '1m')).toEqual(
        fleet.truth('BTC/USDT', '1m', FROM, FROM + 30 * DAY),
      );
      await waitUntil('the run to end', async () => {
        const [run] = await fleet.db.sql`select ended_at from backfill_runs`;
        return run?.['ended_at'];
      });
    });

    test('an error that no retry can help fails at once, with its code; a retry by a person continues the same execution', async () => {
      await begin();
      await fleet.track('NO/SUCH', '1h', FROM, FROM + DAY);
      const failed = await waitUntil(
        'the failure',
        async () => (await listExecutions(fleet.db, { limit: 1, statuses: ['failed'] }))[0],
      );
      expect(failed).toMatchObject({ errorCode: 'symbol_unknown', tries: 1, retryCount: 0 });
      expect((await listAttempts(fleet.db, failed.executionId)).map((one) => one.outcome)).toEqual([
        'failed',
      ]);
      const queue = fleet.queues.queue(backfillQueueName('replay'));
      await waitUntil(
        'its job to fail',
        async () => (await queue.getJobState(failed.executionId)) === 'failed',
      );
      await retryExecutions(fleet.db, [failed.executionId], 'me');
      const again = await waitUntil('the same execution to fail again', async () => {
        const [row] = await listExecutions(fleet.db, { limit: 1, statuses: ['failed'] });
        return row?.retryCount === 1 ? row : undefined;
      });
      expect(again).toMatchObject({ executionId: failed.executionId, fence: 2 });
      expect(await listExecutions(fleet.db, { limit: 10 })).toHaveLength(1);
    });

    test('cancelling an execution stops it at the next page, and nothing of it is stored after', async () => {
      await begin({ faults: { seed: 1, faults: [{ kind: 'latency', rate: 1, delayMs: 150 }] } });
      await fleet.track('BTC/USDT', '1m', FROM, FROM + 30_000 * M);
      const running = await waitUntil('a few pages', async () => {
        const [row] = await listExecutions(fleet.db, { limit: 1, statuses: ['in_progress'] });
        return row && row.recordsInserted > 0 ? row : undefined;
      });
      await cancelExecutions(fleet.db, [running.executionId], 'me');
      const stored = (await fleet.stored('BTC/USDT', '1m')).length;
      const queue = fleet.queues.queue(backfillQueueName('replay'));
      await waitUntil(
        'its job to end',
        async () => (await queue.getJobState(running.executionId)) === 'completed',
      );
      expect((await fleet.stored('BTC/USDT', '1m')).length).toBe(stored);
      const pages = fleet.pages();
      const until = Date.now() + 1_500;
      await waitUntil('the planner to look again', () => Date.now() > until);
      expect(fleet.pages()).toBe(pages);
    });

    test('pausing a symbol stops its work; resuming it goes on from its coverage', async () => {
      await begin({ faults: { seed: 1, faults: [{ kind: 'latency', rate: 1, delayMs: 60 }] } });
      const toMs = FROM + 12_000 * M;
      await fleet.track('BTC/USDT', '1m', FROM, toMs);
      await waitUntil('a few pages', async () => fleet.pages() >= 3);
      const key = { provider: 'replay', symbol: 'BTC/USDT' };
      await setSymbolActive(fleet.db, { ...key, active: false }, 'me');
      await waitUntil(
        'all work to be cancelled',
        async () =>
          (await listExecutions(fleet.db, { limit: 5, statuses: ['pending', 'in_progress'] })).length === 0,
      );
      await setSymbolActive(fleet.db, { ...key, active: true }, 'me');
      await fleet.settled();
      expect(await fleet.stored('BTC/USDT', '1m')).toEqual(fleet.truth('BTC/USDT', '1m', FROM, toMs));
      expect(fleet.pages()).toBeLessThanOrEqual(12 + 2);
    });

    test('a worker that stops hands the rest back uncounted, and another one goes on from its coverage', async () => {
      await begin({
        faults: { seed: 1, faults: [{ kind: 'latency', rate: 1, delayMs: 60 }] },
        withoutWorker: true,
      });
      const toMs = FROM + 20_000 * M;
      await fleet.track('BTC/USDT', '1m', FROM, toMs);
      const first = await fleet.startWorker();
      await waitUntil('a few pages', async () => fleet.pages() >= 4);
      await first.close({ deadlineMs: 10_000 });
      const [row] = await listExecutions(fleet.db, { limit: 1 });
      expect(row).toMatchObject({ status: 'pending', pendingReason: 'handed_back', tries: 0 });
      const covered = row?.recordsInserted ?? 0;
      expect(covered).toBeGreaterThan(0);
      await fleet.startWorker();
      await fleet.settled();
      expect(await fleet.stored('BTC/USDT', '1m')).toEqual(fleet.truth('BTC/USDT', '1m', FROM, toMs));
      expect(fleet.pages()).toBeLessThanOrEqual(20 + 1);
    });

    test('what the queue forgets is enqueued again', async () => {
      await begin({ withoutWorker: true });
      await fleet.track('BTC/USDT', '1h', FROM, FROM + 100 * DAY);
      const queue = fleet.queues.queue(backfillQueueName('replay'));
      await waitUntil('the job', async () => (await queue.getPrioritizedCount()) > 0);
      await queue.obliterate({ force: true }).catch(async () => {
        await queue.pause();
        await queue.obliterate({ force: true });
        await queue.resume();
      });
      await fleet.startWorker();
      await fleet.settled();
      expect(await fleet.stored('BTC/USDT', '1h')).toEqual(
        fleet.truth('BTC/USDT', '1h', FROM, FROM + 100 * DAY),
      );
    });

    test('progress and log of a job can be read in the queue', async () => {
      await begin();
      await fleet.track('BTC/USDT', '1m', FROM, FROM + 3_000 * M);
      await fleet.settled();
      const [row] = await listExecutions(fleet.db, { limit: 1 });
      const queue = fleet.queues.queue(backfillQueueName('replay'));
      // The row is settled before the job hears of it.
      const job = await waitUntil('its job to end', async () => {
        const one = await queue.getJob(row?.executionId ?? '');
        return (await one?.isCompleted()) ? one : undefined;
      });
      expect(job.progress).toMatchObject({
        percent: 100,
        candles: 3_000,
        range: expect.stringContaining('2024-03-04'),
      });
      const { logs } = await queue.getJobLogs(row?.executionId ?? '');
      expect(logs.join('\n')).toContain('stored 3000');
    });
  });
});
