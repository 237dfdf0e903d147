/** One request as the server saw it; what a checker of budget and bans needs. */
export interface ServedRequest {
  /** 1, 2, 3 … in the order of arrival. */
  readonly number: number;
  /** When it arrived, in ms since 1970. */
  readonly atMs: number;
  readonly path: string;
  readonly symbol: string;
  readonly timeframe: string;
  readonly weight: number;
  readonly status: number;
  readonly candles: number;
  /** It arrived while a ban lasted: how long after the refusal that told of the ban had been sent, in ms; 0 before. */
  readonly afterBanMs?: number | undefined;
}

export interface Ban {
  readonly fromMs: number;
  readonly untilMs: number;
  /** When its first refusal had been handed to the network. */
  readonly toldMs?: number | undefined;
}

/** What of the log holds for all requests since the start, however many are kept. */
export interface RequestTotals {
  readonly total: number;
  /** Number of the oldest one that is kept. */
  readonly firstKept: number;
  /** The largest weight that arrived within any `windowMs`. */
  readonly largestWindowWeight: number;
  readonly windowMs: number;
  readonly bans: readonly Ban[];
}

export interface RequestLog {
  /** The latest ones, oldest first. */
  readonly kept: readonly ServedRequest[];
  readonly totals: RequestTotals;
  /** Notes an arrival, and answers its number and whether it came in a ban. */
  arrive(weight: number, atMs: number): Pick<ServedRequest, 'number' | 'atMs' | 'weight' | 'afterBanMs'>;
  answered(request: ServedRequest): void;
  banBegins(fromMs: number, untilMs: number): void;
  /** The first refusal of the latest ban has left. */
  banTold(toldMs: number): void;
  /** Those above `number`, oldest first. */
  after(number: number, limit: number): ServedRequest[];
  /** How many came in a ban more than `graceMs` after it had been told. */
  countInBan(graceMs: number): number;
}

const WINDOW_MS = 60_000;
const KEPT = 200_000;

export function createRequestLog(): RequestLog {
  const kept: ServedRequest[] = [];
  const bans: Ban[] = [];
  // All of them, for ever: a fleet that keeps to its bans sends next to none.
  const delaysInBan: number[] = [];
  const window = createSlidingWeight();
  let total = 0;

  function delayInBan(atMs: number): number | undefined {
    const ban = bans.at(-1);
    if (!ban || atMs >= ban.untilMs) return undefined;
    return ban.toldMs === undefined ? 0 : Math.max(0, atMs - ban.toldMs);
  }

  return {
    kept,
    get totals() {
      const firstKept = kept[0]?.number ?? total + 1;
      return { total, firstKept, largestWindowWeight: window.largest(), windowMs: WINDOW_MS, bans };
    },
    arrive(weight, atMs) {
      total += 1;
      window.add(weight, atMs);
      const afterBanMs = delayInBan(atMs);
      if (afterBanMs !== undefined) delaysInBan.push(afterBanMs);
      return { number: total, atMs, weight, ...(afterBanMs === undefined ? {} : { afterBanMs }) };
    },
    answered(request) {
      // Most are answered in the order of their arrival: the place is near the end.
      let at = kept.length;
      while (at > 0 && (kept[at - 1]?.number ?? 0) > request.number) at -= 1;
      kept.splice(at, 0, request);
      if (kept.length > KEPT) kept.splice(0, KEPT / 10);
    },
    banBegins(fromMs, untilMs) {
      bans.push({ fromMs, untilMs });
    },
    banTold(toldMs) {
      const ban = bans.at(-1);
      if (ban && ban.toldMs === undefined) bans[bans.length - 1] = { ...ban, toldMs };
    },
    after(number, limit) {
      const from = kept.findIndex((one) => one.number > number);
      return from < 0 ? [] : kept.slice(from, from + limit);
    },
    countInBan: (graceMs) => delaysInBan.filter((delayMs) => delayMs > graceMs).length,
  };
}

/** The largest weight within any window that ends with an arrival: no other window holds more. */
function createSlidingWeight() {
  let arrivals: { weight: number; atMs: number }[] = [];
  let first = 0;
  let sum = 0;
  let largest = 0;
  return {
    largest: () => largest,
    add(weight: number, atMs: number): void {
      if (weight === 0) return;
      arrivals.push({ weight, atMs });
      sum += weight;
      for (;;) {
        const oldest = arrivals[first];
        if (!oldest || oldest.atMs > atMs - WINDOW_MS) break;
        sum -= oldest.weight;
        first += 1;
      }
      if (first > 10_000) {
        arrivals = arrivals.slice(first);
        first = 0;
      }
      largest = Math.max(largest, sum);
    },
  };
}
