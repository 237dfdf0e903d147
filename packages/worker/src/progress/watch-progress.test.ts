import { waitUntil } from '@candlefleet/testing';
import { afterEach, expect, test } from 'vitest';
import { watchProgress, type ProgressOptions } from './watch-progress.js';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A worker of one queue in which jobs always wait, with a free slot. */
async function watchWaiting(more: Partial<ProgressOptions>) {
  let looks = 0;
  const check = watchProgress({
    queues: { hasDueJobs: async () => true },
    queueNames: () => {
      looks += 1;
      return ['q'];
    },
    slotsOf: () => 2,
    activity: { noting: (_queue, handle) => handle, of: () => ({ inHand: 1, takenAt: 0, restsUntil: 0 }) },
    holds: { quietest: () => undefined },
    mayWork: () => true,
    storesAnswerSince: () => 0,
    progressMs: 60,
    ...more,
  });
  closing.push(check.close);
  const before = performance.now();
  await waitUntil('looks for twice the bound', () => looks > 6 && performance.now() - before > 120);
  return check.look();
}

test('jobs that wait before a free slot fail the check', async () => {
  expect(await watchWaiting({})).toMatchObject({
    ok: false,
    found: expect.stringContaining('jobs of q wait'),
  });
});

const doing = (one: {
  inHand?: number;
  takenAt?: number;
  restsUntil?: number;
}): Partial<ProgressOptions> => ({
  activity: {
    noting: (_queue, handle) => handle,
    of: () => ({ inHand: 1, takenAt: 0, restsUntil: 0, ...one }),
  },
});

test.each<[string, Partial<ProgressOptions>]>([
  ['all its slots are taken', doing({ inHand: 2 })],
  ['the provider said stop', doing({ restsUntil: Number.POSITIVE_INFINITY })],
  ['it took one just now', doing({ takenAt: Number.POSITIVE_INFINITY })],
  ['a store is away', { storesAnswerSince: () => undefined }],
  ['a store has only just come back', { storesAnswerSince: () => performance.now() }],
  ['its lease or clock forbids work', { mayWork: () => false }],
  ['the queue cannot be asked', { queues: { hasDueJobs: async () => Promise.reject(new Error('no')) } }],
])('while %s, it is well', async (_what, more) => {
  expect(await watchWaiting(more)).toMatchObject({ ok: true });
});
