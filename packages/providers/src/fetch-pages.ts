import {
  assessAnswer,
  confirmHoles,
  intersectRanges,
  lastClosedOpen,
  normalizeRanges,
  openAtOrAfter,
  subtractRanges,
  unionRanges,
  type Candle,
  type CandlePage,
  type Clock,
  type FetchRequest,
  type ProviderTraits,
  type Range,
  type RequestPurpose,
} from '@candlefleet/core';

/** One request to the provider: candles from `fromMs` on, `limit` at most. Any order, as sent. */
export type RequestCandles = (ask: {
  request: FetchRequest;
  purpose: Extract<RequestPurpose, 'candles' | 'confirmation'>;
  fromMs: number;
  limit: number;
}) => Promise<Candle[]>;

export interface PagingOptions {
  readonly traits: ProviderTraits;
  /** The answer starts with the first candle at or after the asked time, however far away. */
  readonly isFromFirstCandle: boolean;
  readonly clock: Clock;
}

/** How many candles before a hole the confirming request starts: it makes another window of it, with a witness. */
const WITNESSES = 3;
/** Candles that may close between our look at the clock and the provider's answer. */
const REACH_MARGIN = 2;

/**
 * Pages from `fromMs` on until the range is answered. What an answer does not show although the calendar expects it is
 * asked again at once through another window, once per page; what two answers agree on is proven, the rest is not.
 */
export async function* fetchPages(
  ask: RequestCandles,
  request: FetchRequest,
  options: PagingOptions,
): AsyncGenerator<CandlePage> {
  const { calendar, timeframe, toMs } = request;
  let cursorMs = openAtOrAfter(calendar, timeframe, request.fromMs);
  const reachMs = reachStart(request, options);
  if (reachMs > cursorMs) {
    yield beyondReach({ fromMs: cursorMs, toMs: Math.min(reachMs, toMs) });
    cursorMs = reachMs;
  }
  while (cursorMs < toMs) {
    const page = await fetchPage(ask, request, options, cursorMs);
    if (page.asked.toMs <= cursorMs)
      throw new Error(`paging stands still at ${new Date(cursorMs).toISOString()}`);
    yield page;
    cursorMs = page.asked.toMs;
  }
}

function reachStart({ calendar, timeframe }: FetchRequest, { traits, clock }: PagingOptions): number {
  if (traits.reachCandles === undefined) return Number.NEGATIVE_INFINITY;
  const last = lastClosedOpen(calendar, timeframe, 0, clock.nowMs());
  return calendar.stepOpen(timeframe, last, REACH_MARGIN + 1 - traits.reachCandles);
}

function beyondReach(range: Range): CandlePage {
  return {
    asked: range,
    candles: [],
    proven: [],
    unconfirmed: [],
    unavailable: [range],
    requests: 0,
    confirmations: 0,
  };
}

async function fetchPage(
  ask: RequestCandles,
  request: FetchRequest,
  { traits, isFromFirstCandle }: PagingOptions,
  fromMs: number,
): Promise<CandlePage> {
  const { calendar, timeframe, toMs } = request;
  const limit = Math.min(traits.pageLimit, calendar.countExpected(timeframe, { fromMs, toMs }));
  const windowEndMs = Math.min(toMs, calendar.stepOpen(timeframe, fromMs, limit));
  const first = await ask({ request, purpose: 'candles', fromMs, limit });
  const lastMs = first.reduce((latest, candle) => Math.max(latest, candle.openMs), Number.NEGATIVE_INFINITY);

  // How far this answer speaks: a full one to its last candle, one that went past the end to the end, a short one to
  // the end of what it was asked for.
  const isFull = first.length >= limit;
  const end = isFromFirstCandle ? toMs : windowEndMs;
  const askedTo = isFull && lastMs >= fromMs ? Math.min(end, calendar.closeOf(timeframe, lastMs)) : end;
  const asked = { fromMs, toMs: askedTo };
  const assessed = assessAnswer({
    calendar,
    timeframe,
    asked,
    openTimesMs: first.map((c) => c.openMs),
    omitsEmptyCandles: traits.omitsEmptyCandles,
  });
  const wentPast = lastMs >= askedTo;
  const holes =
    wentPast && assessed.rest ? normalizeRanges([...assessed.holes, assessed.rest]) : assessed.holes;
  const rest = wentPast ? undefined : assessed.rest;
  const inside = (candles: readonly Candle[], range: Range) =>
    candles.filter((c) => c.openMs >= range.fromMs && c.openMs < range.toMs);
  if (holes.length === 0 && !rest) {
    return {
      asked,
      candles: inside(first, asked),
      ...page(assessed.proven, []),
      requests: 1,
      confirmations: 0,
    };
  }

  const doubtFrom = Math.min(
    holes[0]?.fromMs ?? Number.POSITIVE_INFINITY,
    rest?.fromMs ?? Number.POSITIVE_INFINITY,
  );
  const secondFrom = calendar.stepOpen(timeframe, openAtOrAfter(calendar, timeframe, doubtFrom), -WITNESSES);
  const wanted = calendar.countExpected(timeframe, { fromMs: secondFrom, toMs: askedTo }) + WITNESSES;
  const second = await ask({
    request,
    purpose: 'confirmation',
    fromMs: secondFrom,
    limit: Math.min(traits.pageLimit, wanted),
  });
  return settle({
    request,
    traits,
    asked,
    first,
    second,
    secondFrom,
    proven: assessed.proven,
    holes,
    rest,
    isFromFirstCandle,
  });
}

interface Doubt {
  readonly request: FetchRequest;
  readonly traits: ProviderTraits;
  readonly asked: Range;
  readonly first: readonly Candle[];
  readonly second: readonly Candle[];
  readonly secondFrom: number;
  readonly proven: readonly Range[];
  /** The first answer spans them. */
  readonly holes: readonly Range[];
  /** The first answer did not reach there: for it, the second answer is the first. */
  readonly rest: Range | undefined;
  readonly isFromFirstCandle: boolean;
}

function settle(doubt: Doubt): CandlePage {
  const { request, traits, first, second, holes, rest } = doubt;
  const { calendar, timeframe } = request;
  const openTimesMs = second.map((c) => c.openMs);
  const confirmed = confirmHoles(holes, {
    calendar,
    timeframe,
    asked: { fromMs: doubt.secondFrom, toMs: Number.POSITIVE_INFINITY },
    openTimesMs,
  });
  const reached =
    rest &&
    assessAnswer({
      calendar,
      timeframe,
      asked: rest,
      openTimesMs,
      omitsEmptyCandles: traits.omitsEmptyCandles,
    });
  // Where the second answer went further than the first, the next page starts behind it.
  const asked =
    reached?.rest && reached.proven.length > 0
      ? { fromMs: doubt.asked.fromMs, toMs: reached.rest.fromMs }
      : doubt.asked;
  const proven = normalizeRanges([...doubt.proven, ...confirmed.proven, ...(reached?.proven ?? [])]);
  const doubtful = unionRanges(normalizeRanges(holes), rest ? [rest] : []);
  const unconfirmed = intersectRanges(subtractRanges(doubtful, proven), [asked]);
  const known = new Set(first.map((c) => c.openMs));
  const brought = second.filter((c) => !known.has(c.openMs));
  const candles = [...first, ...brought].filter((c) => c.openMs >= asked.fromMs && c.openMs < asked.toMs);
  return { asked, candles, ...page(proven, unconfirmed), requests: 1, confirmations: 1 };
}

function page(proven: readonly Range[], unconfirmed: readonly Range[]) {
  return { proven, unconfirmed, unavailable: [] };
}
