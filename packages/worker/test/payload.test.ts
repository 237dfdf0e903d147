import { queueBackends } from '@candlefleet/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createWorkerFixture, type WorkerFixture } from './worker-fixture.js';

const [backend] = queueBackends();
let fleet: WorkerFixture;
beforeAll(async () => {
  if (!backend) throw new Error('there is no queue backend');
  fleet = await createWorkerFixture(backend);
  await fleet.start();
});
afterAll(() => fleet.close());

const identity = { v: 1, seriesId: 1, provider: 'p', symbol: 'A/B', timeframe: '1m', calendar: '24x7' };

test.each([
  ['of another version', { ...identity, v: 2, kind: 'history' }],
  ['with a field that is not ours', { ...identity, kind: 'history', more: true }],
  ['of no known kind', { ...identity, kind: 'other' }],
  ['that is empty', {}],
  ['of a history job without its execution', { ...identity, kind: 'history' }],
  ['of a tail without its slot', { ...identity, kind: 'tail' }],
])('a payload %s fails the job for good, with its code', async (_what, data) => {
  const { id = '' } = await fleet.queue().add('history', data, { attempts: 5 });
  await fleet.until(id, 'failed');
  expect((await fleet.queue().getJob(id))?.failedReason).toMatch(/^payload_invalid: /);
  expect(fleet.asked).toEqual([]);
});
