import { timeframeMs, type Timeframe } from '../timeframe.js';
import type { Calendar } from './calendar.js';

// 1970-01-01 was a Thursday: the first Monday came four days later.
const FIRST_MONDAY_MS = 4 * 24 * 60 * 60_000;

/** `24x7`: crypto venues. Candles are aligned to UTC, weeks start on Monday. */
export const alwaysOpen: Calendar = {
  id: '24x7',
  openAtOrBefore(timeframe, atMs) {
    const anchor = anchorMs(timeframe);
    const length = timeframeMs(timeframe);
    return Math.floor((atMs - anchor) / length) * length + anchor;
  },
  stepOpen: (timeframe, openMs, count) => openMs + count * timeframeMs(timeframe),
  closeOf: (timeframe, openMs) => openMs + timeframeMs(timeframe),
  countExpected(timeframe, { fromMs, toMs }) {
    const anchor = anchorMs(timeframe);
    const length = timeframeMs(timeframe);
    const before = (atMs: number) => Math.ceil((atMs - anchor) / length);
    return Math.max(0, before(toMs) - before(fromMs));
  },
};

function anchorMs(timeframe: Timeframe): number {
  return timeframe === '1w' ? FIRST_MONDAY_MS : 0;
}
