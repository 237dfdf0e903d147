import type { Range } from '../range.js';
import type { Timeframe } from '../timeframe.js';

/**
 * When a symbol trades, and how its candles are aligned. All times are milliseconds since the epoch.
 * Alignment belongs to the calendar: nothing else divides a time by a timeframe's length.
 */
export interface Calendar {
  readonly id: string;
  /** The latest open time that is not after `atMs`. */
  openAtOrBefore(timeframe: Timeframe, atMs: number): number;
  /** The open time `count` candles after `openMs` (before it when `count` is negative). */
  stepOpen(timeframe: Timeframe, openMs: number, count: number): number;
  /** When the candle that opens at `openMs` closes. */
  closeOf(timeframe: Timeframe, openMs: number): number;
  /** How many candles open in the range. */
  countExpected(timeframe: Timeframe, range: Range): number;
}

/** Whether a candle of this timeframe can open at this instant. */
export function isAligned(calendar: Calendar, timeframe: Timeframe, openMs: number): boolean {
  return Number.isSafeInteger(openMs) && calendar.openAtOrBefore(timeframe, openMs) === openMs;
}

/** The earliest open time that is not before `atMs`. */
export function openAtOrAfter(calendar: Calendar, timeframe: Timeframe, atMs: number): number {
  const open = calendar.openAtOrBefore(timeframe, atMs);
  return open === atMs ? open : calendar.stepOpen(timeframe, open, 1);
}

/** The open time of the newest candle that has closed, `settleDelayMs` ago at least. */
export function lastClosedOpen(
  calendar: Calendar,
  timeframe: Timeframe,
  settleDelayMs: number,
  nowMs: number,
): number {
  const settledMs = nowMs - settleDelayMs;
  const forming = calendar.openAtOrBefore(timeframe, settledMs);
  return calendar.closeOf(timeframe, forming) <= settledMs
    ? forming
    : calendar.stepOpen(timeframe, forming, -1);
}

/** Every open time in the range, in order. */
export function* opensIn(calendar: Calendar, timeframe: Timeframe, range: Range): Generator<number> {
  let open = openAtOrAfter(calendar, timeframe, range.fromMs);
  while (open < range.toMs) {
    yield open;
    open = calendar.stepOpen(timeframe, open, 1);
  }
}
