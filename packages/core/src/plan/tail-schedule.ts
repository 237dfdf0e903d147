import type { Calendar } from '../calendar/calendar.js';
import { timeframeMs, type Timeframe } from '../timeframe.js';
import { spreadMs } from './spread.js';

export interface TailSchedule {
  readonly everyMs: number;
  /** In (0, everyMs): slots are the instants with `(slot − offset) mod every = 0`. */
  readonly offsetMs: number;
}

/** A candle that its tail has not brought this long after its slot is planned like any other. */
export const TAIL_GRACE_MS = 120_000;

const SHORTEST_CADENCE_MS = 60_000;
const WIDEST_SPREAD_MS = 60_000;

/** When a series' tails are due: after its candle closes + settle delay + a deterministic spread. */
export function tailSchedule(series: {
  seriesId: number;
  calendar: Calendar;
  timeframe: Timeframe;
  settleDelayMs: number;
  /** In place of the timeframe's own cadence. */
  everyMs?: number | undefined;
  /** From the provider's demand: a whole number ≥ 1. */
  stretch: number;
}): TailSchedule {
  const { calendar, timeframe, settleDelayMs } = series;
  const everyMs = Math.max(SHORTEST_CADENCE_MS, series.everyMs ?? timeframeMs(timeframe)) * series.stretch;
  const closeMs = calendar.closeOf(timeframe, calendar.openAtOrBefore(timeframe, 0));
  const spread = spreadMs(series.seriesId, spreadWindowMs(timeframe));
  const offsetMs = (((closeMs + settleDelayMs + spread) % everyMs) + everyMs) % everyMs;
  return { everyMs, offsetMs: offsetMs === 0 ? 1 : offsetMs };
}

/** How far slots of one timeframe lie apart at most. */
export function spreadWindowMs(timeframe: Timeframe): number {
  return Math.min(WIDEST_SPREAD_MS, timeframeMs(timeframe) / 3);
}
