import {
  confirmHoles,
  intersectRanges,
  normalizeRanges,
  openAtOrAfter,
  sameCandle,
  subtractRanges,
  unionRanges,
  type Assessment,
  type Candle,
  type CandlePage,
  type FetchRequest,
  type Range,
} from '@candlefleet/core';
import { askFrom, assess, inside, unsoundTimes, type Paging, type Reply } from './ask-page.js';
import { AnswerMalformedError } from './errors.js';

/** How many candles before a hole the confirming request starts: it makes another window of it, with a witness. */
const WITNESSES = 3;

/** What a first answer left open. */
export interface Doubt {
  readonly asked: Range;
  readonly first: Reply;
  readonly proven: readonly Range[];
  /** The first answer spans them. */
  readonly holes: readonly Range[];
  /** The first answer did not reach there: for it, the second answer is the first. */
  readonly rest: Range | undefined;
}

/** Asks a second time, through another window, and takes both answers together. */
export async function settleDoubt(paging: Paging, doubt: Doubt): Promise<CandlePage> {
  const { calendar, timeframe } = paging.request;
  const secondFrom = witnessBefore(paging.request, doubt);
  const wanted =
    calendar.countExpected(timeframe, { fromMs: secondFrom, toMs: doubt.asked.toMs }) + WITNESSES;
  const limit = Math.min(paging.options.traits.pageLimit, wanted);
  return settle(paging, doubt, await askFrom(paging, 'confirmation', secondFrom, limit));
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
  return { asked, candles, proven, unconfirmed, unavailable: [], requests: 1, confirmations: 1 };
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
