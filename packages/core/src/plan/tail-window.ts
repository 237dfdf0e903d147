import { lastClosedOpen, type Calendar } from '../calendar/calendar.js';
import type { ProviderTraits } from '../provider/candle-source.js';
import { REACH_MARGIN } from '../provider/reach.js';
import type { Range } from '../range.js';
import type { Timeframe } from '../timeframe.js';

/** The newest closed candles, those that a tail is for: one page at most, within the provider's reach. */
export function tailWindow(
  { calendar, timeframe }: { calendar: Calendar; timeframe: Timeframe },
  traits: ProviderTraits,
  nowMs: number,
): Range {
  const last = lastClosedOpen(calendar, timeframe, traits.settleDelayMs, nowMs);
  const reach = (traits.reachCandles ?? Number.POSITIVE_INFINITY) - REACH_MARGIN - 1;
  const candles = Math.max(1, Math.min(traits.pageLimit, reach));
  return {
    fromMs: calendar.stepOpen(timeframe, last, 1 - candles),
    toMs: calendar.closeOf(timeframe, last),
  };
}
