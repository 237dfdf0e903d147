/** A server that says "now" means soon. */
const SHORTEST_MS = 1_000;
/** Binance's longest ban; a date beyond it is a mistake that would stop the fleet for good. */
const LONGEST_MS = 3 * 24 * 60 * 60_000;

/**
 * How long the server asks to be left alone, in milliseconds: Retry-After in seconds or as an HTTP date (RFC 9110,
 * 10.2.3). A date counts from the answer's own Date, so that a clock that is off does not matter.
 */
export function parseRetryAfter(headers: Headers, nowMs: number): number | undefined {
  const text = headers.get('retry-after')?.trim();
  if (!text) return undefined;
  const waitMs = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) * 1_000 : untilDate(text, headers, nowMs);
  return Number.isFinite(waitMs) ? withinReason(waitMs) : undefined;
}

/** No shorter than any server means, and no longer than any server keeps anybody away. */
export function withinReason(waitMs: number): number {
  return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, waitMs));
}

function untilDate(text: string, headers: Headers, nowMs: number): number {
  const sentMs = Date.parse(headers.get('date') ?? '');
  return Date.parse(text) - (Number.isNaN(sentMs) ? nowMs : sentMs);
}
