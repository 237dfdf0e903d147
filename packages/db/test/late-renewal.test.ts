import { newExecutionId } from '@candlefleet/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { renewLease } from '../src/queries/keep-lease.js';
import { createFleetFixture } from './fleet-fixture.js';

let fleet: Awaited<ReturnType<typeof createFleetFixture>>;
beforeEach(async () => {
  fleet = await createFleetFixture();
});
afterEach(() => fleet.close());

test('a renewal that comes late leaves what was claimed since its list was made; the next one hands it back', async () => {
  const workerId = newExecutionId();
  const renew = (claimedBeforeMs?: number) =>
    renewLease(fleet.db, {
      workerId,
      host: 'h',
      pid: 1,
      version: '0',
      leaseMs: 60_000,
      held: [],
      claimedBeforeMs,
      queues: [],
      load: {},
    });
  const before = await renew();
  const [id = ''] = await fleet.plan(0, 10);
  expect(await fleet.claim(workerId, id)).toMatchObject({ outcome: 'claimed' });
  const late = await renew(before.nowMs);
  expect(late.released).toEqual([]);
  expect((await renew(late.nowMs)).released).toEqual([id]);
});
