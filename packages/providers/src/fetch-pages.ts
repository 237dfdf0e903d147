import {
  assessAnswer,
  checkCandles,
  confirmHoles,
  intersectRanges,
  lastClosedOpen,
  normalizeRanges,
  openAtOrAfter,
  reachStart,
  sameCandle,
  subtractRanges,
  unionRanges,
  type Assessment,
  type Candle,
  type CandlePage,
  type Clock,
  type FetchRequest,
  type ProviderTraits,
  type Range,
  type RequestPurpose,
} from '@candlefleet/core';
import { AnswerMalformedError } from './errors.js';

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

/**
 * Pages from `fromMs` on until the range is answered. What the calendar expects and an answer does not show, or not as a
 * sound candle, is asked again at once through another window, once per page; what two answers agree on is proven, the rest is not.
 */
export async function* fetchPages(
  ask: RequestCandles,
  request: FetchRequest,
  options: PagingOptions,
): AsyncGenerator<CandlePage> {
  const { calendar, timeframe, toMs } = request;
  let cursorMs = request.fromMs;
  const last = lastClosedOpen(calendar, timeframe, 0, options.clock.nowMs());
  const reachMs = reachStart(request, options.traits, last);
  if (reachMs > cursorMs) {
    const range = { fromMs: cursorMs, toMs: Math.min(reachMs, toMs) };
    yield { ...UNASKED, asked: range, unavailable: [range] };
    cursorMs = range.toMs;
  }
  while (cursorMs < toMs) {
    const page = await fetchPage({ ask, request, options }, cursorMs);
    if (page.asked.toMs <= cursorMs)
      throw new Error(`paging stands still at ${new Date(cursorMs).toISOString()}`);
    yield page;
    cursorMs = page.asked.toMs;
  }
}

const EVER: Range = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY };
const UNASKED = { candles: [], proven: [], unconfirmed: [], unavailable: [], requests: 0, confirmations: 0 };

interface Paging {
  readonly ask: RequestCandles;
  readonly request: FetchRequest;
  readonly options: PagingOptions;
}

async function fetchPage(paging: Paging, fromMs: number): Promise<CandlePage> {
  const { calendar, timeframe, toMs } = paging.request;
  const { traits } = paging.options;
  const expected = calendar.countExpected(timeframe, { fromMs, toMs });
  // No candle opens there: that needs no asking.
  if (expected === 0) return { ...UNASKED, asked: { fromMs, toMs }, proven: [{ fromMs, toMs }] };

  const first = await askFrom(paging, 'candles', fromMs, Math.min(traits.pageLimit, expected));
  const asked = { fromMs, toMs: Math.min(toMs, first.speaksToMs) };
  const assessed = assess(paging, asked, first);
  // An answer that goes on behind the asked end spans what is not there before it.
  const { rest, holes } =
    assessed.rest && first.lastMs >= asked.toMs
      ? { rest: undefined, holes: normalizeRanges([...assessed.holes, assessed.rest]) }
      : assessed;
  if (holes.length === 0 && !rest) {
    const candles = inside(first.candles, asked);
    return { ...UNASKED, asked, candles, proven: assessed.proven, requests: 1 };
  }

  const doubt = { asked, first, proven: assessed.proven, holes, rest };
  const secondFrom = witnessBefore(paging.request, doubt);
  const wanted = calendar.countExpected(timeframe, { fromMs: secondFrom, toMs: asked.toMs }) + WITNESSES;
  const second = await askFrom(paging, 'confirmation', secondFrom, Math.min(traits.pageLimit, wanted));
  return settle(paging, doubt, second);
}

/** One answer, without what it does not speak of. */
interface Reply {
  readonly fromMs: number;
  readonly candles: readonly Candle[];
  /** Those of them that are sound: the others tell that there is something, and not what. */
  readonly sound: readonly Candle[];
  /** Open time of its last candle; -Infinity for an empty one. */
  readonly lastMs: number;
  /** How far the request and its limit let it speak. */
  readonly speaksToMs: number;
}

async function askFrom(
  { ask, request, options }: Paging,
  purpose: 'candles' | 'confirmation',
  askedMs: number,
  limit: number,
): Promise<Reply> {
  const { calendar, timeframe } = request;
  const fromMs = openAtOrAfter(calendar, timeframe, askedMs);
  const sent = await ask({ request, purpose, fromMs, limit });
  // Where answers do not start with the first candle there is, one from behind the window tells nothing about the
  // window: some venues answer with their newest candles, whatever they are asked.
  const windowEndMs = options.isFromFirstCandle
    ? Number.POSITIVE_INFINITY
    : calendar.stepOpen(timeframe, fromMs, limit);
  const candles = sent.filter(({ openMs }) => !(openMs < fromMs || openMs >= windowEndMs));
  const lastMs = candles.reduce(
    (latest, { openMs }) => (openMs > latest ? openMs : latest),
    Number.NEGATIVE_INFINITY,
  );
  const isFull = sent.length >= limit && Number.isFinite(lastMs);
  const fullToMs = isFull
    ? calendar.closeOf(timeframe, calendar.openAtOrBefore(timeframe, lastMs))
    : Number.POSITIVE_INFINITY;
  const { good } = checkCandles(candles, { calendar, timeframe, asked: EVER, settledMs: EVER.toMs });
  return { fromMs, candles, sound: good, lastMs, speaksToMs: Math.min(windowEndMs, fullToMs) };
}

function assess({ request, options }: Paging, asked: Range, reply: Reply) {
  const { calendar, timeframe } = request;
  const openTimesMs = reply.sound.map((candle) => candle.openMs);
  const { omitsEmptyCandles } = options.traits;
  return assessAnswer({ calendar, timeframe, asked, openTimesMs, omitsEmptyCandles });
}

interface Doubt {
  readonly asked: Range;
  readonly first: Reply;
  readonly proven: readonly Range[];
  /** The first answer spans them. */
  readonly holes: readonly Range[];
  /** The first answer did not reach there: for it, the second answer is the first. */
  readonly rest: Range | undefined;
}

/** Where the second request starts: some candles before the doubt, which makes it another window with a witness. */
function witnessBefore({ calendar, timeframe }: FetchRequest, { holes, rest }: Doubt): number {
  const doubtMs = Math.min(...[holes[0], rest].map((range) => range?.fromMs ?? Number.POSITIVE_INFINITY));
  return calendar.stepOpen(timeframe, openAtOrAfter(calendar, timeframe, doubtMs), -WITNESSES);
}

function settle(paging: Paging, doubt: Doubt, second: Reply): CandlePage {
  const { calendar, timeframe } = paging.request;
  const { first, holes, rest } = doubt;
  const confirmed = confirmHoles(holes, {
    calendar,
    timeframe,
    asked: { fromMs: second.fromMs, toMs: Number.POSITIVE_INFINITY },
    openTimesMs: second.sound.map((candle) => candle.openMs),
    firstOpenTimesMs: first.sound.map((candle) => candle.openMs),
    unsoundMs: [...unsoundTimes(first), ...unsoundTimes(second)],
  });
  const reached = rest && assess(paging, rest, second);
  const known = [...doubt.proven, ...confirmed.proven, ...(reached?.proven ?? [])];
  const left = subtractRanges(holes, normalizeRanges(confirmed.proven));
  const asked = { fromMs: doubt.asked.fromMs, toMs: pageEnd(paging.request, doubt, second, left, reached) };
  const proven = intersectRanges(normalizeRanges(known), [asked]);
  const doubtful = unionRanges(normalizeRanges(holes), rest ? [rest] : []);
  const unconfirmed = intersectRanges(subtractRanges(doubtful, proven), [asked]);
  const brought = broughtBy(second, first, paging.options.traits.provider);
  const candles = inside([...first.candles, ...brought], asked);
  return { ...UNASKED, asked, candles, proven, unconfirmed, requests: 1, confirmations: 1 };
}

/**
 * The second answer's candles that the first one does not have, or has with other values: the check sets both aside.
 * @throws AnswerMalformedError where the two agree on none: the times of one of them are off by whole candles
 */
function broughtBy(second: Reply, first: Reply, provider: string): Candle[] {
  const has = new Map(first.candles.map((candle) => [candle.openMs, candle]));
  const isKnown = (candle: Candle) => {
    const known = has.get(candle.openMs);
    return known !== undefined && sameCandle(known, candle);
  };
  const soundTimes = new Set(first.sound.map((candle) => candle.openMs));
  const shared = second.sound.filter(({ openMs }) => soundTimes.has(openMs));
  if (shared.length > 0 && !shared.some(isKnown)) {
    const when = new Date(first.fromMs).toISOString();
    throw new AnswerMalformedError({
      provider,
      what: `two answers from ${when} on have no candle in common`,
    });
  }
  return second.candles.filter((candle) => !isKnown(candle));
}

function unsoundTimes({ candles, sound }: Reply): number[] {
  const known = new Set(sound.map((candle) => candle.openMs));
  return candles.map((candle) => candle.openMs).filter((openMs) => !known.has(openMs));
}

/** A page ends where its second answer ended, so that the next one sees what this could not settle. */
function pageEnd(
  { calendar, timeframe }: FetchRequest,
  { asked }: Doubt,
  second: Reply,
  left: readonly Range[],
  reached: Assessment | undefined,
): number {
  // It went further than the first one, and not to the end.
  if (reached?.rest && reached.proven.length > 0) return reached.rest.fromMs;
  if (left.length === 0 || second.speaksToMs >= asked.toMs || second.lastMs < asked.fromMs) return asked.toMs;
  return calendar.closeOf(timeframe, calendar.openAtOrBefore(timeframe, second.lastMs));
}

function inside(candles: readonly Candle[], range: Range): Candle[] {
  return candles.filter(({ openMs }) => !(openMs < range.fromMs || openMs >= range.toMs));
}
