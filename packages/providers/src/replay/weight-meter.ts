/** What Binance answers about weights: used in this minute, and whether a request may still pass. */
export interface WeightMeter {
  spend(weight: number, nowMs: number): Spent;
  /** Every request is refused until then. */
  ban(untilMs: number): void;
}

export interface Spent {
  /** Weight used in this minute. */
  readonly used: number;
  /** Set when the request is refused. */
  readonly refused?: { readonly untilMs: number; readonly isBan: boolean; readonly isBanNew: boolean };
}

const WINDOW_MS = 60_000;
/** Requests after a 429, within its minute, that make it a 418. */
const PATIENCE = 10;
const BAN_MS = 120_000;

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
        return { used, refused: { untilMs: bannedUntilMs, isBan: true, isBanNew: false } };
      if (used + weight <= limit) {
        used += weight;
        return { used };
      }
      ignored += 1;
      if (ignored <= PATIENCE)
        return { used, refused: { untilMs: (current + 1) * WINDOW_MS, isBan: false, isBanNew: false } };
      bannedUntilMs = nowMs + BAN_MS;
      return { used, refused: { untilMs: bannedUntilMs, isBan: true, isBanNew: true } };
    },
    ban(untilMs) {
      bannedUntilMs = Math.max(bannedUntilMs, untilMs);
    },
  };
}
