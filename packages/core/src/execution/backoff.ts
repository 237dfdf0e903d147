export interface RetryPolicy {
  /** Attempts that may fail before the execution is failed for good. */
  readonly maxTries: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

/** Tries span about ten minutes: a provider's short outage passes without a person. */
export const BACKFILL_RETRY: RetryPolicy = { maxTries: 6, firstDelayMs: 5_000, maxDelayMs: 300_000 };

/**
 * Exponential backoff with jitter: between half and all of `firstDelayMs · 2^(tries − 1)`, capped.
 * `tries` counts the failure just had (1 for the first); `random` is in [0, 1).
 */
export function backoffMs(tries: number, policy: RetryPolicy, random: () => number = Math.random): number {
  const full = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** Math.max(0, tries - 1));
  return Math.round(full / 2 + (full / 2) * random());
}
