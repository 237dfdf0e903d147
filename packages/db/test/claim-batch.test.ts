import { newExecutionId, tailExecutionId } from '@candlefleet/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createFleetFixture, type FleetFixture } from './fleet-fixture.js';

let fleet: FleetFixture;

beforeAll(async () => {
  fleet = await createFleetFixture();
});
afterAll(() => fleet.close());

test('claims that share a statement see what the others of it took', async () => {
  const worker = await fleet.worker();
  const history = await fleet.planned(0, 10);
  const tail = (slot: number) =>
    fleet.claim(worker, tailExecutionId(fleet.seriesId, slot), fleet.tail(20, 30, slot));
  const [gone, ...batch] = await Promise.all([
    // Goes at once; the others meanwhile become a batch.
    fleet.claim(worker, newExecutionId()),
    tail(31),
    fleet.claim(worker, history),
    tail(32),
    tail(31),
    fleet.claim(worker, newExecutionId()),
  ]);
  expect(gone.outcome).toBe('gone');
  expect(batch.map((answer) => answer.outcome).sort()).toEqual([
    'claimed',
    'claimed',
    'gone',
    'held',
    'held',
  ]);
  const rows = [...(await fleet.states()).values()];
  expect(rows.map((row) => [row.status, row.fence])).toEqual([
    ['in_progress', 1],
    ['in_progress', 1],
  ]);
});
