import { waitUntil } from '@candlefleet/testing';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { startDuty } from './duty.js';
import { watchDuties, type DutiesOptions } from './watch-duties.js';

const log = pino({ level: 'silent' });
const watch = (more: Partial<DutiesOptions>) =>
  watchDuties({
    duties: () => undefined,
    triedAt: () => performance.now(),
    // Before any moment: a test's process may be younger than what it tells of.
    storesAnswerSince: () => Number.NEGATIVE_INFINITY,
    dutyMs: 50,
    ...more,
  });

test("a leader's duty that hangs fails the check, and no more once it has ended", async () => {
  let end = () => {};
  const hanging = new Promise<void>((resolve) => (end = resolve));
  const duty = startDuty({ name: 'plan', everyMs: 10, log, work: () => hanging });
  const check = watch({ duties: () => [duty] });
  expect(check.look()).toEqual({ ok: true, found: 'leads' });
  await waitUntil('the check to fail', () => !check.look().ok);
  expect(check.look().found).toMatch(/^"plan" has not ended for \d+ s$/);
  // A store that is away explains it, and so does one that has only just come back.
  expect(watch({ duties: () => [duty], storesAnswerSince: () => undefined }).look().ok).toBe(true);
  expect(watch({ duties: () => [duty], storesAnswerSince: () => performance.now() }).look().ok).toBe(true);
  end();
  await waitUntil('the check to be well again', () => check.look().ok);
  await duty.close();
});

test('one that stands by is well as long as it tries to lead', () => {
  expect(watch({}).look()).toEqual({ ok: true, found: 'stands by' });
  expect(watch({ triedAt: () => performance.now() - 1_000 }).look()).toMatchObject({
    ok: false,
    found: 'stands by, and has not tried to lead for 1 s',
  });
});
