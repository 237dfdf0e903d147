import {
  lastClosedOpen,
  normalizeRanges,
  reachStart,
  type CandlePage,
  type FetchRequest,
} from '@candlefleet/core';
import { askFrom, assess, inside, type Paging, type PagingOptions, type RequestCandles } from './ask-page.js';
import { settleDoubt } from './settle-doubt.js';

/**
 * Pages from `fromMs` on until the range is answered. What the calendar expects and an answer does not show as a sound
 * candle is asked again at once through another window, once per page; what two answers agree on is proven, the rest
 * is not.
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

const UNASKED = { candles: [], proven: [], unconfirmed: [], unavailable: [], requests: 0, confirmations: 0 };

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

  return settleDoubt(paging, { asked, first, proven: assessed.proven, holes, rest });
}
