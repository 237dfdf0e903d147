import { setImmediate } from 'node:timers/promises';
import {
  BadInputError,
  FleetError,
  type Budget,
  type BudgetAnswer,
  type ProviderTraits,
} from '@candlefleet/core';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { createRequestGate } from './request-gate.js';

const traits: ProviderTraits = {
  provider: 'p',
  assetClasses: ['crypto'],
  timeframes: ['1m'],
  pageLimit: 10,
  omitsEmptyCandles: false,
  revisionWindow: 1,
  settleDelayMs: 0,
  budget: { limit: 100, windowMs: 1_000 },
  pageWeight: 1,
};
const request = () => ({
  purpose: 'candles' as const,
  weight: 2,
  urgent: false,
  signal: new AbortController().signal,
});

function gateOver(...answers: (BudgetAnswer | Promise<BudgetAnswer> | Error)[]) {
  const taken: unknown[] = [];
  const banned: unknown[] = [];
  const budget: Budget = {
    async take(asked) {
      taken.push(asked);
      const answer = answers.shift() ?? { granted: true };
      if (answer instanceof Error) throw answer;
      return answer;
    },
    correct: () => Promise.reject(new Error('gone')),
    async ban(...asked) {
      banned.push(asked);
      if (banned.length > 1) throw new Error('gone');
    },
  };
  return { budget, gate: createRequestGate(budget, traits, pino({ level: 'silent' })), taken, banned };
}

const exhausted = (waitMs: number): BudgetAnswer => ({ granted: false, reason: 'exhausted', waitMs });

test('a request is paid with its weight before it passes', async () => {
  const { gate, taken } = gateOver();
  await gate.pass(request());
  expect(taken).toEqual([{ provider: 'p', policy: traits.budget, weight: 2, urgent: false }]);
});

test('a budget that is free soon is waited for in the slot', async () => {
  const { gate, taken } = gateOver(exhausted(5), exhausted(5));
  await gate.pass(request());
  expect(taken).toHaveLength(3);
});

test('one that is free later is not waited for: the job is handed back until then', async () => {
  const { gate } = gateOver(exhausted(60_000));
  await expect(gate.pass(request())).rejects.toMatchObject({
    code: 'budget_exhausted',
    retryAfterMs: 60_000,
  });
});

test('a ban says so', async () => {
  const { gate } = gateOver({ granted: false, reason: 'banned', waitMs: 9_000 });
  await expect(gate.pass(request())).rejects.toMatchObject({ code: 'provider_banned', retryAfterMs: 9_000 });
});

test('a budget that cannot be asked lets nothing pass', async () => {
  const { gate } = gateOver(new Error('no database'));
  await expect(gate.pass(request())).rejects.toMatchObject({ code: 'budget_unknown', retryable: true });
});

test('a request that weighs more than the budget ever holds fails for good, and says why', async () => {
  const { gate } = gateOver(new BadInputError('One request weighs 9, more than 4: raise the limit.'));
  await expect(gate.pass(request())).rejects.toMatchObject({
    code: 'bad_input',
    retryable: false,
    message: expect.stringContaining('raise the limit'),
  });
});

test('the signal ends the wait', async () => {
  const { gate } = gateOver(exhausted(1_900));
  const stop = new AbortController();
  const passing = gate.pass({ ...request(), signal: stop.signal });
  stop.abort();
  await expect(passing).rejects.toMatchObject({ name: 'AbortError' });
});

test('headers that cannot be noted spoil no request', async () => {
  const { gate } = gateOver();
  gate.observeUsed({ weight: 90 });
  await gate.pass(request());
});

test('what was refused is not asked again before its time, also while the fleet cannot be told', async () => {
  const { gate, taken } = gateOver();
  await gate.observeRefused({ retryAfterMs: 9_000, isBan: true });
  await gate.observeRefused({ retryAfterMs: 1_000, isBan: false });
  const refusal: unknown = await gate.pass(request()).catch((thrown: unknown) => thrown);
  expect(refusal).toMatchObject({ code: 'provider_banned', retryable: true });
  expect(refusal instanceof FleetError && (refusal.retryAfterMs ?? 0)).toBeGreaterThan(8_000);
  expect(taken).toEqual([]);
});

test('nor what the budget granted while the refusal came', async () => {
  let grant = (_answer: BudgetAnswer) => {};
  const { gate } = gateOver(new Promise((resolve) => (grant = resolve)));
  const passing = gate.pass(request());
  void gate.observeRefused({ retryAfterMs: 9_000, isBan: true });
  grant({ granted: true });
  await expect(passing).rejects.toMatchObject({ code: 'provider_banned' });
});

test('a refusal is told to the whole fleet; one that cannot be told spoils nothing more', async () => {
  const { gate, banned } = gateOver();
  await gate.observeRefused({ retryAfterMs: 7_000, isBan: false });
  await gate.observeRefused({ retryAfterMs: 90_000, isBan: true });
  expect(banned).toEqual([
    ['p', 7_000],
    ['p', 90_000],
  ]);
});

test('while one waits for the budget, the others of its process wait behind it and do not ask; urgent ones go first', async () => {
  const { gate, taken } = gateOver(exhausted(20));
  const order: string[] = [];
  const pass = async (name: string, urgent: boolean) => {
    await gate.pass({ ...request(), urgent });
    order.push(name);
  };
  const first = pass('first', false);
  // Its first answer has come: it waits.
  await setImmediate();
  const rest = [pass('second', false), pass('third', false), pass('urgent', true)];
  await Promise.all([first, ...rest]);
  expect(order).toEqual(['first', 'urgent', 'second', 'third']);
  expect(taken).toHaveLength(5);
});

test('one that waits behind others for too long is handed back', async () => {
  const { budget } = gateOver();
  const answers: ((answer: BudgetAnswer) => void)[] = [];
  const take = () => new Promise<BudgetAnswer>((resolve) => answers.push(resolve));
  const gate = createRequestGate({ ...budget, take }, traits, pino({ level: 'silent' }), 20);
  const first = gate.pass(request());
  answers[0]?.(exhausted(1));
  await setImmediate();
  await expect(gate.pass(request())).rejects.toMatchObject({ code: 'budget_exhausted', retryAfterMs: 20 });
  answers[1]?.({ granted: true });
  await first;
});
