import {
  assessAnswer,
  checkCandles,
  openAtOrAfter,
  type Assessment,
  type Candle,
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

export interface Paging {
  readonly ask: RequestCandles;
  readonly request: FetchRequest;
  readonly options: PagingOptions;
}

/** One answer, without what it does not speak of. */
export interface Reply {
  readonly fromMs: number;
  readonly candles: readonly Candle[];
  /** Those of them that are sound: the others tell that there is something, and not what. */
  readonly sound: readonly Candle[];
  /** Open time of its last candle; -Infinity for an empty one. */
  readonly lastMs: number;
  /** How far the request and its limit let it speak. */
  readonly speaksToMs: number;
}

const EVER: Range = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY };

/** Sends one request. @throws what `ask` throws */
export async function askFrom(
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

/** What the reply's sound candles prove of the asked range, by themselves. */
export function assess({ request, options }: Paging, asked: Range, reply: Reply): Assessment {
  const { calendar, timeframe } = request;
  const openTimesMs = reply.sound.map((candle) => candle.openMs);
  const { omitsEmptyCandles } = options.traits;
  return assessAnswer({ calendar, timeframe, asked, openTimesMs, omitsEmptyCandles });
}

/** Where the reply shows something, but no sound candle. */
export function unsoundTimes({ candles, sound }: Reply): number[] {
  const known = new Set(sound.map((candle) => candle.openMs));
  return candles.map((candle) => candle.openMs).filter((openMs) => !known.has(openMs));
}

/** Candles of the range; one whose time is no number is in every range, for the check to refuse. */
export function inside(candles: readonly Candle[], range: Range): Candle[] {
  return candles.filter(({ openMs }) => !(openMs < range.fromMs || openMs >= range.toMs));
}
