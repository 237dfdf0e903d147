/** What Binance answers about weights: used in this minute, and whether a request may still pass. */
export interface WeightMeter {
  /** `retryAfterSeconds` is set when the request is refused; `isBan` when too many came after a refusal. */
  spend(weight: number, nowMs: number): { used: number; retryAfterSeconds?: number; isBan?: boolean };
}

const WINDOW_MS = 60_000;
/** Requests after a 429, within its minute, that make it a 418. */
const PATIENCE = 10;
const BAN_SECONDS = 120;

export function createWeightMeter(limit: number): WeightMeter {
  let window = 0;
  let used = 0;
  let ignored = 0;
  let bannedUntilMs = 0;
  return {
    spend(weight, nowMs) {
      const current = Math.floor(nowMs / WINDOW_MS);
      if (current !== window) {
        window = current;
        used = 0;
        ignored = 0;
      }
      if (nowMs < bannedUntilMs)
        return { used, retryAfterSeconds: Math.ceil((bannedUntilMs - nowMs) / 1_000), isBan: true };
      if (used + weight > limit) {
        ignored += 1;
        if (ignored > PATIENCE) bannedUntilMs = nowMs + BAN_SECONDS * 1_000;
        const isBan = ignored > PATIENCE;
        const waitMs = isBan ? BAN_SECONDS * 1_000 : (current + 1) * WINDOW_MS - nowMs;
        return { used, retryAfterSeconds: Math.ceil(waitMs / 1_000), isBan };
      }
      used += weight;
      return { used };
    },
  };
}
