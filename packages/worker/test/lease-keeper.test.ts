import { systemClock } from '@candlefleet/core';
import { createClaimer } from '@candlefleet/db';
import { queueBackends, waitUntil } from '@candlefleet/testing';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLeaseKeeper, type LeaseKeeper } from '../src/lease-keeper.js';
import { createWorkerFixture, type WorkerFixture } from './worker-fixture.js';

const [backend] = queueBackends();
const keepers: LeaseKeeper[] = [];
let fleet: WorkerFixture;
beforeEach(async () => {
  if (!backend) throw new Error('there is no queue backend');
  fleet = await createWorkerFixture(backend);
});
afterEach(async () => {
  await Promise.all(keepers.splice(0).map((keeper) => keeper.close()));
  await fleet.close();
});

async function keep(leaseMs: number, renewMs: number): Promise<LeaseKeeper> {
  const common = { version: 'test', clock: systemClock, log: pino({ level: 'silent' }), queues: () => [] };
  const keeper = await createLeaseKeeper({ ...common, db: fleet.db, leaseMs, renewMs });
  keepers.push(keeper);
  return keeper;
}

/** Waits for a renewal that begins after now to be answered. */
async function renewed({ workerId }: LeaseKeeper, times = 2): Promise<void> {
  const leaseOf = async () => {
    const [row] = await fleet.db.sql<{ until: Date }[]>`
      select lease_until as until from workers where worker_id = ${workerId}`;
    return String(row?.until);
  };
  for (let time = 0; time < times; time += 1) {
    const before = await leaseOf();
    await waitUntil('a renewal', async () => (await leaseOf()) !== before);
  }
}

test('an execution that two jobs of one worker hold is kept until both have let go', async () => {
  const keeper = await keep(30_000, 50);
  const id = await fleet.plan(0, 10);
  const letGo = [keeper.hold(id, 60_000), keeper.hold(id, 60_000)];
  await createClaimer(fleet.db, keeper.workerId)({ executionId: id });
  letGo[1]?.();
  await renewed(keeper, 3);
  expect(await fleet.row(id)).toMatchObject({ status: 'in_progress', fence: 1 });
  letGo[0]?.();
  await waitUntil('it to be handed back', async () => (await fleet.row(id)).status === 'pending');
});

test('an execution whose deadline passed is held no more', async () => {
  const keeper = await keep(30_000, 50);
  const id = await fleet.plan(0, 10);
  keeper.hold(id, 0);
  await createClaimer(fleet.db, keeper.workerId)({ executionId: id });
  await waitUntil('it to be handed back', async () => (await fleet.row(id)).status === 'pending');
});

test('a renewal that was held up does not hand back what was claimed meanwhile', async () => {
  const keeper = await keep(30_000, 50);
  const id = await fleet.plan(0, 10);
  let claimed = '';
  await fleet.db.sql.begin(async (sql) => {
    await sql`select 1 from workers where worker_id = ${keeper.workerId} for update`;
    await waitUntil('a renewal to wait', async () => {
      const rows = await fleet.db.sql`
        select 1 from pg_stat_activity where query like '%renew_lease%' and wait_event_type = 'Lock'
          and datname = current_database()`;
      return rows.length;
    });
    keeper.hold(id, 60_000);
    claimed = (await createClaimer(fleet.db, keeper.workerId)({ executionId: id })).outcome;
  });
  expect(claimed).toBe('claimed');
  await renewed(keeper);
  expect(await fleet.row(id)).toMatchObject({ status: 'in_progress', fence: 1 });
});

test('the lease is renewed however busy the other connections are', async () => {
  const keeper = await keep(1_500, 100);
  let isBusy = true;
  const busy = Promise.all(Array.from({ length: 12 }, () => fleet.db.sql`select pg_sleep(0.4)`)).finally(
    () => (isBusy = false),
  );
  await waitUntil('the others to be done, or the lease to be lost', () => !isBusy || !keeper.mayWork);
  expect(keeper.mayWork).toBe(true);
  await busy;
});
