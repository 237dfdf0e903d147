import { afterAll, beforeAll, expect, test } from 'vitest';
import { pruneExecutions } from '../src/queries/prune-executions.js';
import { createFleetFixture, type FleetFixture } from './fleet-fixture.js';
import { newExecutionId } from '@candlefleet/core';

let fleet: FleetFixture;
beforeAll(async () => {
  fleet = await createFleetFixture();
});
afterAll(() => fleet.close());

const age = (id: string, interval: string) =>
  fleet.db
    .sql`update backfill_state_persistent set completed_at = clock_timestamp() - ${interval}::interval where execution_id = ${id}`;

test('each kind goes at its age, in batches, and its totals per series and day stay', async () => {
  const worker = await fleet.worker();
  const tail = async (slot: number) => {
    const held = await fleet.claimed(worker, newExecutionId(), fleet.tail(slot - 1, slot, slot));
    await fleet.chunk(held, slot - 1, slot);
    return held.executionId;
  };
  const history = async (from: number, ends: 'stored' | 'failed') => {
    const held = await fleet.claimed(worker, await fleet.planned(from, from + 5));
    if (ends === 'stored') await fleet.chunk(held, from, from + 5);
    else await fleet.finish(held, 'failed');
    return held.executionId;
  };
  const oldTail = await tail(1);
  const freshTail = await tail(2);
  const oldHistory = await history(10, 'stored');
  const freshHistory = await history(20, 'stored');
  const oldFailure = await history(30, 'failed');
  const freshFailure = await history(40, 'failed');
  await age(oldTail, '25 hours');
  await age(freshTail, '23 hours');
  await age(oldHistory, '31 days');
  await age(freshHistory, '29 days');
  await age(oldFailure, '181 days');
  await age(freshFailure, '179 days');

  expect(await pruneExecutions(fleet.db, { batch: 100, pausedProviders: ['test'] })).toBe(0);
  expect(await pruneExecutions(fleet.db, { batch: 2, pausedProviders: [] })).toBe(2);
  expect(await pruneExecutions(fleet.db, { batch: 2, pausedProviders: [] })).toBe(1);
  expect(await pruneExecutions(fleet.db, { batch: 2, pausedProviders: [] })).toBe(0);
  expect(new Set((await fleet.states()).keys())).toEqual(new Set([freshTail, freshHistory, freshFailure]));
  const [totals] = await fleet.db.sql`
    select sum(completed)::int as completed, sum(failed)::int as failed, sum(stored)::int as stored, sum(requests)::int as requests
    from series_activity`;
  expect(totals).toEqual({ completed: 2, failed: 1, stored: 6, requests: 2 });
  expect((await fleet.stored()).length).toBe(12);
});
