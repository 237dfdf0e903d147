import type { Calendar } from '../calendar/calendar.js';
import type { Candle } from '../candle/candle.js';
import { checkCandles, type RejectedCandle } from '../candle/check-candles.js';
import type { CandlePage } from '../provider/candle-source.js';
import { intersectRanges, normalizeRanges, subtractRanges, unionRanges, type Range } from '../range.js';
import type { Timeframe } from '../timeframe.js';

export interface CheckedPage {
  readonly good: Candle[];
  readonly rejected: RejectedCandle[];
  readonly proven: Range[];
  readonly unconfirmed: Range[];
}

/** Parts a page's candles into good and rejected; where one was rejected nothing is proven, and it is asked again. */
export function checkPage(
  page: CandlePage,
  context: { calendar: Calendar; timeframe: Timeframe; settledMs: number },
): CheckedPage {
  const { calendar, timeframe } = context;
  const { good, rejected } = checkCandles(page.candles, { ...context, asked: page.asked });
  const taken = new Set(good.map((candle) => candle.openMs));
  const spoiled = normalizeRanges(
    rejected
      .map(({ candle }) => calendar.openAtOrBefore(timeframe, candle.openMs))
      .filter((openMs) => Number.isFinite(openMs) && !taken.has(openMs))
      .map((openMs) => ({ fromMs: openMs, toMs: calendar.closeOf(timeframe, openMs) })),
  );
  const doubtful = intersectRanges(spoiled, [page.asked]);
  const proven = subtractRanges(normalizeRanges(page.proven), doubtful);
  const unconfirmed = subtractRanges(unionRanges(normalizeRanges(page.unconfirmed), doubtful), proven);
  return { good, rejected, proven, unconfirmed };
}
