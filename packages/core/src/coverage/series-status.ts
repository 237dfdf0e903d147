import type { Calendar } from '../calendar/calendar.js';
import { intersectRanges, subtractRanges, type Range, type Ranges } from '../range.js';
import type { Timeframe } from '../timeframe.js';

/**
 * `complete`: every closed candle is there, or proven not to be. `waiting`: all that is due is settled; a candle that
 * has just closed, or one that the provider did not confirm, is asked for at its time. `backfilling`: something is
 * missing and will be fetched. `failing`: something is missing, and its executions failed. `cancelled`: something is
 * missing, and a person cancelled its executions: a backfill that a person asks for fetches it. `paused`: a person's wish.
 */
export type SeriesState = 'complete' | 'waiting' | 'backfilling' | 'failing' | 'cancelled' | 'paused';

/** What the warehouse knows about a series, and what is wanted of it. */
export interface SeriesRecord {
  readonly calendar: Calendar;
  readonly timeframe: Timeframe;
  readonly active: boolean;
  /** Nothing, where no history is asked for or none has closed. */
  readonly wanted: Range | undefined;
  /** A candle that closed after this is still its tail's to fetch: it is not late. */
  readonly dueMs: number;
  readonly covered: Ranges;
  readonly unconfirmed: Ranges;
  /** Covered, unavailable, or unconfirmed and not yet to be asked again. */
  readonly settled: Ranges;
  /** Candles stored within the wanted range. */
  readonly storedCandles: number;
  /** Executions pending or in progress. */
  readonly unfinished: number;
  /** Failed executions. */
  readonly failed: number;
  /** Executions that a person cancelled, for as long as nobody asks for their stretch again. */
  readonly cancelled: number;
}

export interface SeriesStatus {
  /** Expected by the calendar within the wanted range. */
  readonly wantedCandles: number;
  readonly storedCandles: number;
  /** Expected, outside coverage, and within the provider's reach. */
  readonly missingCandles: number;
  /** Expected, inside coverage, not there. */
  readonly gapCandles: number;
  readonly state: SeriesState;
}

export function seriesStatus(record: SeriesRecord): SeriesStatus {
  const { calendar, timeframe, storedCandles } = record;
  const wanted = record.wanted ? [record.wanted] : [];
  const count = (ranges: Ranges) =>
    ranges.reduce((sum, range) => sum + calendar.countExpected(timeframe, range), 0);
  const known = subtractRanges(record.settled, record.unconfirmed);
  const missingCandles = count(subtractRanges(wanted, known));
  const expectedInCoverage = count(intersectRanges(wanted, record.covered));
  return {
    wantedCandles: count(wanted),
    storedCandles,
    missingCandles,
    gapCandles: Math.max(0, expectedInCoverage - storedCandles),
    state: stateOf(record, missingCandles, count(dueOf(record, wanted))),
  };
}

/** What should have been fetched by now, and was not. */
function dueOf({ dueMs, settled }: SeriesRecord, wanted: Ranges): Range[] {
  return intersectRanges(subtractRanges(wanted, settled), [
    { fromMs: Number.NEGATIVE_INFINITY, toMs: dueMs },
  ]);
}

function stateOf(record: SeriesRecord, missingCandles: number, dueCandles: number): SeriesState {
  if (!record.active) return 'paused';
  if (missingCandles === 0) return 'complete';
  if (dueCandles === 0) return 'waiting';
  if (record.unfinished > 0) return 'backfilling';
  if (record.failed > 0) return 'failing';
  return record.cancelled > 0 ? 'cancelled' : 'backfilling';
}
