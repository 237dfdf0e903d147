import {
  alwaysOpen,
  lastClosedOpen,
  reachStart,
  type Candle,
  type Clock,
  type ProviderTraits,
  type Timeframe,
} from '@candlefleet/core';

/** One request: candles from `fromMs` on, `limit` at most, in any order. */
type AskCandles = (
  ask: { symbol: string; timeframe: Timeframe; fromMs: number; limit: number },
  signal: AbortSignal,
) => Promise<readonly Candle[]>;

/** Older than any exchange that ccxt knows. */
export const BEFORE_ALL_EXCHANGES_MS = Date.UTC(2011, 0, 1);
const COARSE: Timeframe = '1d';

/**
 * The first candle of a symbol at a venue that cannot be asked for it: bisection over windows of one page, by days, then
 * within the first day by the timeframe itself. It takes for granted that a symbol that has begun trades within every
 * page of days. Cost: log2(days since 2011 ÷ page limit) requests, 3 to 6, once a symbol; and for a timeframe below a
 * day log2(its candles of a day ÷ page limit) more, 4 at most.
 */
export function createFirstCandleSearch(options: {
  ask: AskCandles;
  traits: ProviderTraits;
  clock: Clock;
}): (symbol: string, timeframe: Timeframe, signal: AbortSignal) => Promise<number | undefined> {
  const { ask, traits, clock } = options;
  const firstDays = new Map<string, number>();

  /** The first candle of the first window that holds one. */
  async function firstIn(series: Series, fromMs: number, toMs: number): Promise<number | undefined> {
    const { symbol, timeframe, signal } = series;
    const limit = traits.pageLimit;
    let low = 0;
    let high = Math.ceil(alwaysOpen.countExpected(timeframe, { fromMs, toMs }) / limit);
    let found: number | undefined;
    while (low < high) {
      const middle = (low + high) >> 1;
      const startMs = alwaysOpen.stepOpen(timeframe, fromMs, middle * limit);
      const answer = await ask({ symbol, timeframe, fromMs: startMs, limit }, signal);
      const first = firstWithin(answer, startMs, alwaysOpen.stepOpen(timeframe, startMs, limit));
      found = first ?? found;
      if (first === undefined) low = middle + 1;
      else high = middle;
    }
    return found;
  }

  function reachOf(timeframe: Timeframe, nowMs: number): number {
    const last = lastClosedOpen(alwaysOpen, timeframe, traits.settleDelayMs, nowMs);
    return reachStart({ calendar: alwaysOpen, timeframe }, traits, last);
  }

  async function firstDayOf(symbol: string, nowMs: number, signal: AbortSignal): Promise<number | undefined> {
    const known = firstDays.get(symbol);
    if (known !== undefined) return known;
    const since = Math.max(BEFORE_ALL_EXCHANGES_MS, reachOf(COARSE, nowMs));
    const day = await firstIn({ symbol, timeframe: COARSE, signal }, since, nowMs);
    if (day !== undefined) firstDays.set(symbol, day);
    return day;
  }

  return async (symbol, timeframe, signal) => {
    const nowMs = clock.nowMs();
    const day = await firstDayOf(symbol, nowMs, signal);
    if (day === undefined || timeframe === COARSE) return day;
    if (timeframe === '1w') return alwaysOpen.openAtOrBefore(timeframe, day);
    const reachMs = reachOf(timeframe, nowMs);
    const fromMs = Math.max(day, reachMs);
    const toMs = fromMs === day ? Math.min(alwaysOpen.closeOf(COARSE, day), nowMs) : nowMs;
    return (await firstIn({ symbol, timeframe, signal }, fromMs, toMs)) ?? fromMs;
  };
}

interface Series {
  readonly symbol: string;
  readonly timeframe: Timeframe;
  readonly signal: AbortSignal;
}

/** Some venues answer with their newest candles, whatever they are asked: those tell nothing about the window. */
function firstWithin(candles: readonly Candle[], fromMs: number, toMs: number): number | undefined {
  const opens = candles.map((one) => one.openMs).filter((openMs) => openMs >= fromMs && openMs < toMs);
  return opens.length === 0 ? undefined : Math.min(...opens);
}
