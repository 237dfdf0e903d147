import { setTimeout as sleep } from 'node:timers/promises';
import {
  FleetError,
  limitSignal,
  type Budget,
  type BudgetAnswer,
  type ProviderTraits,
  type RequestGate,
} from '@candlefleet/core';
import type { Logger } from 'pino';
import { BudgetUnknownError, BudgetWaitError } from './errors.js';
import { createWaitingLine } from './waiting-line.js';

type Asked = Parameters<RequestGate['pass']>[0];

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
  // While a process's slots wait, one of them asks: all of them would keep Postgres busy with nothing else.
  const line = createWaitingLine();

  async function turn(urgent: boolean, signal: AbortSignal): Promise<() => void> {
    const patience = limitSignal(signal, patienceMs);
    try {
      return await line.enter({ urgent, signal: patience.signal });
    } catch (thrown) {
      throw patience.isTimedOut ? new BudgetWaitError(provider, 'exhausted', patienceMs) : thrown;
    } finally {
      patience.dispose();
    }
  }

  async function ask({ weight, urgent }: Asked): Promise<BudgetAnswer> {
    const own = ownAnswer();
    if (own) return own;
    const answer = await budget.take({ provider, policy, weight, urgent }).catch((cause: unknown) => {
      // A request that the budget can never pay fails its execution; waiting would not help it.
      const isRefusal = cause instanceof FleetError && !cause.retryable;
      throw isRefusal ? cause : new BudgetUnknownError(provider, cause);
    });
    return ownAnswer() ?? answer;
  }

  return {
    async pass(asked) {
      const { urgent, signal } = asked;
      const giveUpAt = performance.now() + patienceMs;
      signal.throwIfAborted();
      // Where nobody waits, it may be free.
      let answer = line.isTaken ? undefined : await ask(asked);
      if (answer?.granted) return;
      const leave = await turn(urgent, signal);
      try {
        for (;;) {
          answer ??= await ask(asked);
          if (answer.granted) return;
          if (performance.now() + answer.waitMs > giveUpAt)
            throw new BudgetWaitError(provider, answer.reason, answer.waitMs);
          await sleep(answer.waitMs, undefined, { signal });
          answer = undefined;
        }
      } finally {
        leave();
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
