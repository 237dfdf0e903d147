export type RequestPurpose = 'candles' | 'confirmation' | 'markets' | 'time';

/**
 * What stands between a provider's code and the wire. Who builds it pays from the fleet's budget; the provider's
 * code knows nothing of budgets but their weights.
 */
export interface RequestGate {
  /** Resolves when the request may be sent. @throws when it may not be sent soon, or nobody can tell */
  pass(request: {
    purpose: RequestPurpose;
    weight: number;
    /** As the fetch that needs it; what a person waits for counts as urgent too. */
    urgent: boolean;
    signal: AbortSignal;
  }): Promise<void>;
  /** What the server says was used of its window. */
  observeUsed(used: { weight: number }): void;
  /**
   * The provider asked for less (429), or banned us (418): nothing is sent until then, by anybody. Resolves when the
   * fleet knows; never rejects.
   */
  observeRefused(refusal: { retryAfterMs: number; isBan: boolean }): Promise<void>;
}
