import { isAligned, opensIn, type Calendar } from '../calendar/calendar.js';
import { intersectRanges, normalizeRanges, subtractRanges, type Range, type Ranges } from '../range.js';
import type { Timeframe } from '../timeframe.js';

/** What was asked of a provider, and the open times that came back: in any order, also from outside what was asked. */
export interface Answer {
  readonly calendar: Calendar;
  readonly timeframe: Timeframe;
  readonly asked: Range;
  readonly openTimesMs: readonly number[];
  /** The venue writes no candle when nobody traded: a hole between two returned candles is proven by their answer. */
  readonly omitsEmptyCandles: boolean;
}

export interface Assessment {
  /** From the asked start to the close of the last candle returned, without the holes. */
  readonly proven: Range[];
  /** Expected candles before the last one returned that are not there. */
  readonly holes: Range[];
  /** Behind the last candle returned, where the calendar expects more: this answer says nothing about it. */
  readonly rest: Range | undefined;
}

/**
 * What one answer proves by itself (DESIGN, "What an answer proves"). Candles outside the asked range, or off the
 * calendar's grid, prove nothing. Time in which no candle opens goes with the candle before it, so that ranges stay few.
 */
export function assessAnswer(answer: Answer): Assessment {
  const { calendar, timeframe, asked, omitsEmptyCandles } = answer;
  const returned = new Set(answer.openTimesMs);
  const opens = [...opensIn(calendar, timeframe, asked)];
  const first = opens.findIndex((open) => returned.has(open));
  const last = opens.findLastIndex((open) => returned.has(open));
  const lastOpen = opens[last];
  if (lastOpen === undefined) return { proven: [], holes: [], rest: asked };

  const rest =
    last === opens.length - 1
      ? undefined
      : { fromMs: calendar.closeOf(timeframe, lastOpen), toMs: asked.toMs };
  const stretchOf = (index: number): Range => ({
    fromMs: index === 0 ? asked.fromMs : (opens[index] as number),
    toMs: opens[index + 1] ?? asked.toMs,
  });
  const doubtedTo = omitsEmptyCandles ? first : last;
  const holes = normalizeRanges(
    opens.slice(0, doubtedTo).flatMap((open, index) => (returned.has(open) ? [] : [stretchOf(index)])),
  );
  const reached = { fromMs: asked.fromMs, toMs: rest?.fromMs ?? asked.toMs };
  return { proven: subtractRanges([reached], holes), holes, rest };
}

/** A second answer about the same stretch, asked for through another window. */
export interface Confirmation extends Omit<Answer, 'omitsEmptyCandles'> {
  /** What the first answer returned. */
  readonly firstOpenTimesMs: readonly number[];
  /** Where one of the two showed what is no sound candle: something is there. */
  readonly unsoundMs: readonly number[];
}

export interface Confirmed {
  /** What of the holes is now certain: that no candle is there, or that the second answer brought it. */
  readonly proven: Range[];
}

/**
 * What a second answer settles of the holes of a first one. It agrees on a hole when it shows none of its candles, and
 * does show the candle behind it: one that begins late, or was cut, shows neither. Where it brings some of a hole's
 * candles, the first answer left some out, so that only those are certain. Rows off the grid leave everything in doubt.
 */
export function confirmHoles(holes: Ranges, second: Confirmation): Confirmed {
  const { calendar, timeframe, asked, firstOpenTimesMs, unsoundMs } = second;
  const opens = second.openTimesMs.filter((open) => open >= asked.fromMs && open < asked.toMs);
  if ([...opens, ...unsoundMs].some((open) => !isAligned(calendar, timeframe, open))) return { proven: [] };
  const seen = new Set(opens);
  const settled = holes.flatMap((hole): Range[] => {
    const isInHole = (open: number) => open >= hole.fromMs && open < hole.toMs;
    const brought = opens.filter(isInHole);
    if (brought.length > 0)
      return brought.map((open) => ({ fromMs: open, toMs: calendar.stepOpen(timeframe, open, 1) }));
    const behind = firstOpenTimesMs.filter((open) => open >= hole.toMs);
    return seen.has(Math.min(...behind)) && !unsoundMs.some(isInHole) ? [hole] : [];
  });
  return { proven: intersectRanges(intersectRanges(normalizeRanges(settled), holes), [asked]) };
}
