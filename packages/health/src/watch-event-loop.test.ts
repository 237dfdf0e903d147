import { waitUntil } from '@candlefleet/testing';
import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import { watchEventLoop } from './watch-event-loop.js';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

test('a blocked loop is told with its figures, fails the check when it is so again and again, and no more once it is over', async () => {
  const told: { longestMs: number; p99Ms: number }[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void told.push(JSON.parse(line)) });
  const loop = watchEventLoop(log, { windowMs: 40, warnMs: 50, failMs: 50 });
  closing.push(loop.close);
  expect(loop.look().ok).toBe(true);
  let isBusy = true;
  closing.push(() => (isBusy = false));
  // Once a turn of the loop: timers in a row would never let go of it.
  const beBusy = () => {
    block(120);
    if (isBusy) setImmediate(beBusy);
  };
  beBusy();
  await waitUntil('the check to fail', () => !loop.look().ok);
  expect(told.length).toBeGreaterThanOrEqual(6);
  expect(told[0]?.longestMs).toBeGreaterThan(50);
  expect(loop.look().found).toMatch(/more than 50 ms late again and again: at most \d+ ms late, p99 \d+ ms/);
  isBusy = false;
  await waitUntil('the check to be well again', () => loop.look().ok);
});

function block(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}
