/** Where time comes from. Injected everywhere, so that a test can hold it still. */
export interface Clock {
  /** Milliseconds since the Unix epoch, UTC. */
  nowMs(): number;
}

/** This machine's clock. */
export const systemClock: Clock = { nowMs: () => Date.now() };
