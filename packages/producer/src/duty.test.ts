import { waitUntil } from '@candlefleet/testing';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { startDuty, type Duty } from './duty.js';

const log = pino({ level: 'silent' });
const HOUR = 3_600_000;

function dutyOf(work: () => Promise<void>, everyMs = HOUR): Duty {
  return startDuty({ name: 'test', everyMs, log, work });
}

test('is done at once, and again and again', async () => {
  let done = 0;
  const duty = dutyOf(async () => void (done += 1), 5);
  await waitUntil('three rounds', () => done >= 3);
  await duty.close();
});

test('wakes that come close together are one', async () => {
  let done = 0;
  const duty = dutyOf(async () => void (done += 1));
  await waitUntil('the first round', () => done === 1);
  for (let n = 0; n < 5; n += 1) duty.wake();
  await waitUntil('the second', () => done === 2);
  await duty.close();
  expect(done).toBe(2);
});

test('wakes that never end do not put it off for ever', async () => {
  let done = 0;
  const duty = dutyOf(async () => void (done += 1));
  await waitUntil('the first round', () => done === 1);
  const storm = setInterval(() => duty.wake(), 5);
  try {
    await waitUntil('two more', () => done >= 3, 3_000);
  } finally {
    clearInterval(storm);
    await duty.close();
  }
});

test('is never done twice at once; a wake meanwhile is done after', async () => {
  let running = 0;
  let most = 0;
  let done = 0;
  let release = () => {};
  const duty = dutyOf(async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise<void>((resolve) => (release = resolve));
    running -= 1;
    done += 1;
  });
  duty.wake();
  duty.wake();
  release();
  await waitUntil('the second round', () => done === 1 && running === 1);
  release();
  await duty.close();
  expect([done, most]).toEqual([2, 1]);
});

test('a round that fails is told, and tried again', async () => {
  let tries = 0;
  const duty = dutyOf(async () => {
    tries += 1;
    if (tries === 1) throw new Error('not now');
  }, 5);
  await waitUntil('the second try', () => tries >= 2);
  await duty.close();
});

test('closing waits for the round in hand, and starts no other', async () => {
  let release = () => {};
  let ended = false;
  const duty = dutyOf(async () => {
    await new Promise<void>((resolve) => (release = resolve));
    ended = true;
  });
  duty.wake();
  const closed = duty.close();
  release();
  await closed;
  expect(ended).toBe(true);
});
