import type { BudgetPolicy } from './candle-source.js';

export type BudgetAnswer =
  | { readonly granted: true }
  | { readonly granted: false; readonly reason: 'exhausted' | 'banned'; readonly waitMs: number };

export interface BudgetRequest {
  readonly provider: string;
  readonly policy: BudgetPolicy;
  readonly weight: number;
  /** History yields to tails: it takes nothing from the last fifth while a tail waits. */
  readonly urgent: boolean;
}

/** What a provider allows, shared by the whole fleet per provider and egress group. */
export interface Budget {
  /** Takes `weight`, or says how long to wait. Rejects when the budget cannot be asked: then nothing is sent. */
  take(request: BudgetRequest): Promise<BudgetAnswer>;
  /** Lowers the budget to what the server says is left of `policy.limit`. */
  correct(provider: string, policy: BudgetPolicy, usedWeight: number): Promise<void>;
  /** Nothing is sent until then, by anybody, also after restarts. */
  ban(provider: string, durationMs: number): Promise<void>;
}
