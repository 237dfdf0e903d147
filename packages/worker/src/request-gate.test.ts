import type { Budget, BudgetAnswer, ProviderTraits } from '@candlefleet/core';
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

function gateOver(...answers: (BudgetAnswer | Error)[]) {
  const taken: unknown[] = [];
  const budget: Budget = {
    async take(asked) {
      taken.push(asked);
      const answer = answers.shift() ?? { granted: true };
      if (answer instanceof Error) throw answer;
      return answer;
    },
    correct: () => Promise.reject(new Error('gone')),
    ban: async () => {},
  };
  return { gate: createRequestGate(budget, traits, pino({ level: 'silent' })), taken };
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
