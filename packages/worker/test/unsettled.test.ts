import { queueBackends, waitUntil } from '@candlefleet/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createWorkerFixture, MINUTE, START, type WorkerFixture } from './worker-fixture.js';

const [backend] = queueBackends();
let fleet: WorkerFixture;
beforeEach(async () => {
  if (!backend) throw new Error('there is no queue backend');
  fleet = await createWorkerFixture(backend);
});
afterEach(() => fleet.close());

test('answers that settle nothing are a try that failed', async () => {
  fleet.answer((page) => ({ ...page, proven: [] }));
  const id = await fleet.deliver(await fleet.plan(0, 20));
  await fleet.start();
  await waitUntil('the attempt to end', async () => (await fleet.attempts(id)).length > 0);
  expect(await fleet.row(id)).toMatchObject({
    status: 'pending',
    pendingReason: 'retry',
    errorCode: 'unsettled',
    tries: 1,
  });
});

test('what settles a part is handed back uncounted, and counted once it stands still', async () => {
  const firstPageEnds = START + 10 * MINUTE;
  fleet.answer((page) => (page.asked.fromMs < firstPageEnds ? page : { ...page, proven: [] }));
  const id = await fleet.deliver(await fleet.plan(0, 20));
  await fleet.start();
  await waitUntil('two attempts to end', async () => (await fleet.attempts(id)).length > 1);
  expect(await fleet.attempts(id)).toEqual(['handed_back unsettled', 'failed unsettled']);
  expect(await fleet.row(id)).toMatchObject({ status: 'pending', tries: 1 });
});
