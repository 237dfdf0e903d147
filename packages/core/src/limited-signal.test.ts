import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { limitSignal } from './limited-signal.js';

const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;

test('is aborted by the signal of the caller, with its reason, at once where that was aborted before', () => {
  const outer = new AbortController();
  const before = limitSignal(outer.signal, 60_000);
  const reason = new Error('stopped');
  outer.abort(reason);
  const after = limitSignal(outer.signal, 60_000);
  for (const one of [before, after]) {
    expect(one.signal.reason).toBe(reason);
    expect(one.isTimedOut).toBe(false);
    one.dispose();
  }
});

test('is aborted after its time, and says that it was the time', async () => {
  const limit = limitSignal(new AbortController().signal, 1);
  await new Promise((resolve) => limit.signal.addEventListener('abort', resolve, { once: true }));
  expect(limit.isTimedOut).toBe(true);
  limit.dispose();
});

test('leaves nothing behind at a signal that lives longer: what hung there would hold every answer in memory', () => {
  const outer = new AbortController();
  for (let n = 0; n < 100; n += 1) limitSignal(outer.signal, 60_000).dispose();
  expect(listeners(outer.signal)).toBe(0);
});
