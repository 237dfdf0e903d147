import type { Calendar } from '../calendar/calendar.js';
import type { Timeframe } from '../timeframe.js';
import type { ProviderTraits } from './candle-source.js';

/** Kept from the end of a provider's reach: candles that close between our look at the clock and its answer. */
export const REACH_MARGIN = 2;

/** The oldest open time that a provider can still serve, while `lastOpenMs` is its newest closed candle. */
export function reachStart(
  { calendar, timeframe }: { calendar: Calendar; timeframe: Timeframe },
  { reachCandles }: ProviderTraits,
  lastOpenMs: number,
): number {
  if (reachCandles === undefined) return Number.NEGATIVE_INFINITY;
  return calendar.stepOpen(timeframe, lastOpenMs, REACH_MARGIN + 1 - reachCandles);
}
