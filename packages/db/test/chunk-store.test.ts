import { afterAll, beforeAll, expect, test } from 'vitest';
import { createChunkStore } from '../src/queries/store-chunks.js';
import { chunkOf, createFleetFixture, type FleetFixture } from './fleet-fixture.js';

let fleet: FleetFixture;

beforeAll(async () => {
  fleet = await createFleetFixture();
});
afterAll(() => fleet.close());

test('chunks that wait for one another share a statement, and each has its own answer', async () => {
  const worker = await fleet.worker();
  const held = await Promise.all(
    [0, 10, 20, 30].map(async (from) => fleet.claimed(worker, await fleet.planned(from, from + 10))),
  );
  const [first, , late, stray] = held;
  if (!first || !late || !stray) throw new Error('four executions were claimed');
  const store = createChunkStore(fleet.db);
  const chunk = (execution: { executionId: string; fence: number }, from: number, to: number) =>
    store(chunkOf(execution, from, to));
  const answers = await Promise.allSettled([
    // Goes at once; the others meanwhile become a batch.
    chunk(first, 0, 5),
    chunk(first, 5, 10),
    chunk({ ...late, fence: late.fence - 1 }, 20, 30),
    ...held.slice(1, 2).map((execution) => chunk(execution, 10, 15)),
    // Outside its execution's range: its own fault, and nobody else's.
    chunk(stray, 40, 45),
  ]);
  expect(
    answers.map((one) =>
      one.status === 'fulfilled' ? one.value.outcome : Reflect.get(one.reason, 'sqlState'),
    ),
  ).toEqual(['stored', 'completed', 'refused', 'stored', '22023']);
  expect((await fleet.stored()).map(([minute]) => minute)).toEqual(
    Array.from({ length: 15 }, (_, minute) => minute),
  );
  expect(await fleet.covered()).toEqual(Array.from({ length: 15 }, (_, minute) => minute));
  expect((await fleet.state(first.executionId)).status).toBe('completed');
  expect((await fleet.state(late.executionId)).status).toBe('in_progress');
});
