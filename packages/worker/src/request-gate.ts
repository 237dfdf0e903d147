import { setTimeout as sleep } from 'node:timers/promises';
import {
  FleetError,
  type Budget,
  type BudgetAnswer,
  type ProviderTraits,
  type RequestGate,
} from '@candlefleet/core';
import type { Logger } from 'pino';
import { BudgetUnknownError, BudgetWaitError } from './errors.js';

/** How long a request may wait in its slot before the job is handed back. */
const BRIEF_WAIT_MS = 2_000;

/**
 * Pays every request of a provider's code from the fleet's budget. `patienceMs` is how long a request waits for it
 * before it is refused.
 */
export function createRequestGate(
  budget: Budget,
  traits: ProviderTraits,
  log: Logger,
  patienceMs = BRIEF_WAIT_MS,
): RequestGate {
  const { provider, budget: policy } = traits;
  // What this process heard holds at once, while the fleet is still being told, and when it cannot be told.
  let awayUntil = 0;
  const ownAnswer = (): BudgetAnswer | undefined => {
    const waitMs = awayUntil - performance.now();
    return waitMs > 0 ? { granted: false, reason: 'banned', waitMs } : undefined;
  };
  const ask = async (weight: number, urgent: boolean): Promise<BudgetAnswer> => {
    const answer = ownAnswer() ?? (await budget.take({ provider, policy, weight, urgent }));
    return ownAnswer() ?? answer;
  };
  return {
    async pass({ weight, urgent, signal }) {
      const giveUpAt = performance.now() + patienceMs;
      for (;;) {
        signal.throwIfAborted();
        const answer = await ask(weight, urgent).catch((cause: unknown) => {
          // A request that the budget can never pay fails its execution; waiting would not help it.
          const isRefusal = cause instanceof FleetError && !cause.retryable;
          throw isRefusal ? cause : new BudgetUnknownError(provider, cause);
        });
        if (answer.granted) return;
        if (performance.now() + answer.waitMs > giveUpAt) {
          throw new BudgetWaitError(provider, answer.reason, answer.waitMs);
        }
        await sleep(answer.waitMs, undefined, { signal });
      }
    },
    observeUsed({ weight }) {
      budget
        .correct(provider, policy, weight)
        .catch((error: unknown) => log.warn({ err: error, provider }, 'budget not corrected'));
    },
    async observeRefused({ retryAfterMs, isBan }) {
      awayUntil = Math.max(awayUntil, performance.now() + retryAfterMs);
      log.warn({ provider, retryAfterMs, isBan }, 'the provider keeps us away');
      await budget
        .ban(provider, retryAfterMs)
        .catch((error: unknown) => log.error({ err: error, provider }, 'a ban could not be recorded'));
    },
  };
}
