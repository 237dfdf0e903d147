import { systemClock } from '@candlefleet/core';
import { cancelExecutions, reapExecutions } from '@candlefleet/db';
import { queueBackends, waitUntil } from '@candlefleet/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLatch, createWorkerFixture, type WorkerFixture } from './worker-fixture.js';

const [backend] = queueBackends();
let fleet: WorkerFixture;
beforeEach(async () => {
  if (!backend) throw new Error('there is no queue backend');
  fleet = await createWorkerFixture(backend);
});
afterEach(() => fleet.close());

test('a worker whose lease ran out writes nothing more, whatever arrives; the reaper takes its work back', async () => {
  const asked = createLatch();
  const lost = createLatch();
  fleet.answer(async (page, { signal }) => {
    signal.addEventListener('abort', () => lost.open(), { once: true });
    asked.open();
    await lost.opened;
    return page;
  });
  const id = await fleet.deliver(await fleet.plan(0, 10));
  // Never renewed.
  const worker = await fleet.start({ timings: { leaseMs: 1_500, renewMs: 3_600_000 } });
  await asked.opened;
  await lost.opened;
  expect(worker.mayWork).toBe(false);
  expect(await fleet.delayOf(id)).toBeGreaterThan(8_000);
  expect(await fleet.row(id)).toMatchObject({ status: 'in_progress', fence: 1, recordsInserted: 0 });
  expect(await fleet.stored()).toBe(0);

  const reaped = await waitUntil('the reaper', async () => {
    const rows = await reapExecutions(fleet.db);
    return rows.length > 0 && rows;
  });
  expect(reaped).toEqual([{ executionId: id, outcome: 'pending' }]);
  expect(await fleet.row(id)).toMatchObject({ status: 'pending', pendingReason: 'worker_lost', tries: 0 });
});

test('a worker without a lease takes no execution; with a new one it does', async () => {
  const worker = await fleet.start({ timings: { leaseMs: 300, renewMs: 2_000 } });
  await waitUntil('the lease to run out', () => !worker.mayWork);
  const id = await fleet.deliver(await fleet.plan(0, 10));
  await fleet.until(id, 'delayed');
  expect(await fleet.row(id)).toMatchObject({ status: 'pending', fence: 0 });
  await waitUntil('a new lease', () => worker.mayWork);
});

test('an execution that its living worker forgot is pending again by the next renewal', async () => {
  const worker = await fleet.start({ timings: { renewMs: 100 } });
  const id = await fleet.plan(0, 10);
  await fleet.db.sql`
    update backfill_state_persistent set status = 'in_progress', pending_reason = null, worker_id = ${worker.workerId},
      fence = 1, started_at = clock_timestamp(), heartbeat_at = clock_timestamp() where execution_id = ${id}`;
  await waitUntil('the renewal', async () => (await fleet.row(id)).status === 'pending');
  expect(await fleet.attempts(id)).toEqual(['released released']);
});

test.each([5_000, -5_000])(
  'a machine whose clock is off by %i ms takes nothing and stores nothing, and works once it is right',
  async (skewMs) => {
    let offMs = skewMs;
    const worker = await fleet.start({
      clock: { nowMs: () => systemClock.nowMs() + offMs },
      timings: { renewMs: 100 },
    });
    expect(worker.mayWork).toBe(false);
    const id = await fleet.deliver(await fleet.plan(0, 10));
    expect(await fleet.delayOf(id)).toBeGreaterThan(8_000);
    expect(await fleet.row(id)).toMatchObject({ status: 'pending', fence: 0 });
    offMs = 0;
    await waitUntil('the clock to be believed', () => worker.mayWork);
    const next = await fleet.deliver(await fleet.plan(20, 30));
    await fleet.until(next, 'completed');
    expect(await fleet.stored()).toBe(10);
  },
);

test('a clock that goes wrong in the middle stops what is in hand before it is stored', async () => {
  let offMs = 0;
  const asked = createLatch();
  const stopped = createLatch();
  fleet.answer(async (page, { signal }) => {
    signal.addEventListener('abort', () => stopped.open(), { once: true });
    asked.open();
    await stopped.opened;
    return page;
  });
  const id = await fleet.deliver(await fleet.plan(0, 10));
  await fleet.start({ clock: { nowMs: () => systemClock.nowMs() + offMs }, timings: { renewMs: 100 } });
  await asked.opened;
  offMs = 3_600_000;
  await stopped.opened;
  await fleet.until(id, 'delayed');
  expect(await fleet.stored()).toBe(0);
});

test('a cancelled execution is stopped at its next page', async () => {
  const asked = createLatch();
  const cancelled = createLatch();
  fleet.answer(async (page) => {
    asked.open();
    await cancelled.opened;
    return page;
  });
  const id = await fleet.deliver(await fleet.plan(0, 30));
  await fleet.start();
  await asked.opened;
  await cancelExecutions(fleet.db, [id], 'a person');
  cancelled.open();
  await fleet.until(id, 'completed');
  expect(await fleet.row(id)).toMatchObject({ status: 'cancelled' });
  expect(fleet.asked).toHaveLength(1);
  expect(await fleet.stored()).toBe(0);
});
