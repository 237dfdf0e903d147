import type { BudgetPolicy } from '../provider/candle-source.js';

/** Share of a provider's budget that tails may use; the rest is for history, confirmations and people. */
const TAIL_SHARE = 0.8;

export interface Demand {
  /** Weight per budget window that all tails together need. */
  readonly weight: number;
  /** What of the budget they may use. */
  readonly allowed: number;
  /** 1 when the demand fits, else the whole number by which every cadence is stretched. */
  readonly stretch: number;
}

/** What a provider's tails need of its budget, each series one page per cadence. */
export function tailDemand(cadencesMs: readonly number[], pageWeight: number, policy: BudgetPolicy): Demand {
  const weight = cadencesMs.reduce((sum, everyMs) => sum + (pageWeight * policy.windowMs) / everyMs, 0);
  const allowed = policy.limit * TAIL_SHARE;
  return { weight, allowed, stretch: Math.max(1, Math.ceil(weight / allowed)) };
}
