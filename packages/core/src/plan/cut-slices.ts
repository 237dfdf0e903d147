import { openAtOrAfter, type Calendar } from '../calendar/calendar.js';
import type { Range, Ranges } from '../range.js';
import type { Timeframe } from '../timeframe.js';

/** The most candles in one history or manual execution (DESIGN §2). */
export const SLICE_CANDLES = 50_000;

/**
 * Cuts missing ranges into slices of at most `maxCandles`, newest first, at most `maxSlices` of them. A slice ends
 * where its range ends, so that full pages count from the newest end and only the oldest slice is short.
 */
export function cutSlices(
  missing: Ranges,
  options: {
    calendar: Calendar;
    timeframe: Timeframe;
    maxSlices: number;
    maxCandles?: number;
  },
): Range[] {
  const { calendar, timeframe, maxSlices, maxCandles = SLICE_CANDLES } = options;
  const slices: Range[] = [];
  for (const range of missing.toReversed()) {
    let toMs = range.toMs;
    while (toMs > range.fromMs && slices.length < maxSlices) {
      const endOpen = openAtOrAfter(calendar, timeframe, toMs);
      const fromMs = Math.max(range.fromMs, calendar.stepOpen(timeframe, endOpen, -maxCandles));
      if (calendar.countExpected(timeframe, { fromMs, toMs }) > 0) slices.push({ fromMs, toMs });
      toMs = fromMs;
    }
  }
  return slices;
}
