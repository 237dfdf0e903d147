import { BACKFILL_RETRY, BadInputError, FleetError } from '@candlefleet/core';
import { queueBackends } from '@candlefleet/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLatch, createWorkerFixture, MINUTE, START, type WorkerFixture } from './worker-fixture.js';

// What a failure does to its row and its job is the same wherever the queue is; the queue's contract has the rest.
const [backend] = queueBackends();
let fleet: WorkerFixture;
beforeEach(async () => {
  if (!backend) throw new Error('there is no queue backend');
  fleet = await createWorkerFixture(backend);
});
afterEach(() => fleet.close());

const fail = (error: Error) =>
  fleet.answer(() => {
    throw error;
  });

test('an error that a retry can help is counted, and the job comes back after its backoff', async () => {
  fail(new FleetError({ code: 'unavailable', message: 'no answer', retryable: true }));
  const id = await fleet.deliver(await fleet.plan(0, 10));
  await fleet.start();
  const delay = await fleet.delayOf(id);
  expect(delay).toBeLessThanOrEqual(BACKFILL_RETRY.firstDelayMs + 500);
  expect(await fleet.row(id)).toMatchObject({
    status: 'pending',
    pendingReason: 'retry',
    tries: 1,
    errorCode: 'unavailable',
    errorMessage: 'no answer',
  });
  expect(await fleet.attempts(id)).toEqual(['failed unavailable']);
});

test('an error that says when to come back is asked again then', async () => {
  fail(new FleetError({ code: 'unavailable', message: 'later', retryable: true, retryAfterMs: 40_000 }));
  const id = await fleet.deliver(await fleet.plan(0, 10));
  await fleet.start();
  expect(Math.abs((await fleet.delayOf(id)) - 40_000)).toBeLessThan(3_000);
  expect(await fleet.row(id)).toMatchObject({ tries: 1 });
});

test('the last try fails the execution and its job for good', async () => {
  fail(new FleetError({ code: 'unavailable', message: 'no answer', retryable: true }));
  const id = await fleet.plan(0, 10);
  await fleet.db.sql`
    update backfill_state_persistent set tries = ${BACKFILL_RETRY.maxTries - 1} where execution_id = ${id}`;
  await fleet.deliver(id);
  await fleet.start();
  await fleet.until(id, 'failed');
  expect(await fleet.row(id)).toMatchObject({ status: 'failed', errorCode: 'unavailable' });
  expect((await fleet.queue().getJob(id))?.failedReason).toBe('unavailable: no answer');
});

test('an error that no retry can help fails it at once', async () => {
  fail(new BadInputError('there is no such symbol'));
  const id = await fleet.deliver(await fleet.plan(0, 10));
  await fleet.start();
  await fleet.until(id, 'failed');
  expect(await fleet.row(id)).toMatchObject({ status: 'failed', tries: 1, errorCode: 'bad_input' });
});

test('candles of another host than the series keeps to are refused: foreign_origin, and nothing is stored', async () => {
  await fleet.db.sql`update series set origin = 'ours.example' where series_id = ${fleet.seriesId}`;
  const id = await fleet.deliver(await fleet.plan(0, 10));
  await fleet.start({ origin: 'theirs.example' });
  await fleet.until(id, 'failed');
  const row = await fleet.row(id);
  expect(row).toMatchObject({ status: 'failed', errorCode: 'foreign_origin', recordsInserted: 0 });
  expect(row.errorMessage).toContain('ours.example');
  expect(row.errorMessage).toContain('theirs.example');
  expect(await fleet.stored()).toBe(0);
});

test('an attempt that is not over by its deadline is stopped, and counted: it would hang the next one too', async () => {
  fleet.answer(async (page, { signal }) => {
    const stopped = createLatch();
    signal.addEventListener('abort', stopped.open, { once: true });
    await stopped.opened;
    signal.throwIfAborted();
    return page;
  });
  const id = await fleet.deliver(await fleet.plan(0, 10));
  await fleet.start({ timings: { attemptDeadlineMs: 200 } });
  await fleet.until(id, 'delayed');
  expect(await fleet.row(id)).toMatchObject({
    status: 'pending',
    pendingReason: 'retry',
    tries: 1,
    errorCode: 'stopped_deadline',
  });
});

test('a provider that cannot be opened, and never will be, fails its executions with the reason', async () => {
  const id = await fleet.deliver(await fleet.plan(0, 10));
  await fleet.start({ openFails: new BadInputError('There is no provider "p".') });
  await fleet.until(id, 'failed');
  expect(await fleet.row(id)).toMatchObject({
    status: 'failed',
    errorCode: 'bad_input',
    errorMessage: 'There is no provider "p".',
  });
});

test('a provider that cannot be opened now leaves its executions pending, and their jobs come back', async () => {
  const id = await fleet.deliver(await fleet.plan(0, 10));
  await fleet.start({
    openFails: new FleetError({ code: 'unavailable', message: 'not now', retryable: true }),
  });
  expect(await fleet.delayOf(id)).toBeGreaterThan(8_000);
  expect(await fleet.row(id)).toMatchObject({ status: 'pending', tries: 0, fence: 0 });
});

test('a calendar that nobody knows fails the execution, and does not run for ever', async () => {
  const id = await fleet.deliver(await fleet.plan(0, 10), { calendar: 'lunar' });
  await fleet.start();
  await fleet.until(id, 'failed');
  expect(await fleet.row(id)).toMatchObject({ status: 'failed', fence: 1 });
});

test('bad candles are kept aside with their reason, good ones are stored, and nothing is proven where a bad one was', async () => {
  fleet.answer((page) => ({
    ...page,
    candles: page.candles.map((candle, n) => (n === 4 ? { ...candle, high: 0.5 } : candle)),
  }));
  const id = await fleet.deliver(await fleet.plan(0, 10));
  await fleet.start();
  await fleet.until(id, 'completed');
  expect(await fleet.row(id)).toMatchObject({ status: 'completed', recordsInserted: 9, recordsRejected: 1 });
  const rejected = await fleet.db.sql<{ reason: string; at: number }[]>`
    select reason, to_ms(time) as at from rejected_candles`;
  expect([...rejected]).toEqual([{ reason: 'high_below_body', at: START + 4 * MINUTE }]);
  const [coverage] = await fleet.db.sql<{ covered: unknown; unconfirmed: unknown }[]>`
    select ranges_to_ms(covered) as covered, ranges_to_ms(unconfirmed) as unconfirmed from series_coverage`;
  const at = (minute: number) => START + minute * MINUTE;
  expect(coverage).toEqual({
    covered: [
      [at(0), at(4)],
      [at(5), at(10)],
    ],
    unconfirmed: [[at(4), at(5)]],
  });
});
