import {
  calendarOf,
  lastClosedOpen,
  seriesStatus,
  spreadWindowMs,
  TAIL_GRACE_MS,
  type Range,
  type SeriesStatus,
  type Timeframe,
} from '@candlefleet/core';
import {
  readFleetFacts,
  readSeriesFacts,
  type Database,
  type FleetFacts,
  type SeriesFacts,
} from '@candlefleet/db';
import { providerTraits } from '@candlefleet/providers';

export interface SeriesLine extends SeriesStatus {
  readonly provider: string;
  readonly symbol: string;
  readonly timeframe: Timeframe;
  /** Open time of the newest candle, ISO. */
  readonly lastCandle: string | null;
}

export interface FleetStatus {
  /** No series misses anything. */
  readonly complete: boolean;
  readonly series: readonly SeriesLine[];
  readonly fleet: FleetFacts;
}

export async function readStatus(db: Database): Promise<FleetStatus> {
  const fleet = await readFleetFacts(db);
  const series = (await readSeriesFacts(db)).map((facts) => lineOf(facts, fleet.nowMs));
  return { complete: series.every((one) => one.missingCandles === 0), series, fleet };
}

function lineOf(facts: SeriesFacts, nowMs: number): SeriesLine {
  const { provider, symbol, timeframe } = facts;
  const calendar = calendarOf(facts.calendar);
  const { settleDelayMs } = providerTraits(provider);
  const closedBy = (lateMs: number) =>
    calendar.closeOf(timeframe, lastClosedOpen(calendar, timeframe, settleDelayMs + lateMs, nowMs));
  const status = seriesStatus({
    ...facts,
    calendar,
    wanted: wantedOf(facts, closedBy(0)),
    dueMs: closedBy(spreadWindowMs(timeframe) + TAIL_GRACE_MS),
  });
  const lastCandle = facts.lastCandleMs === null ? null : new Date(facts.lastCandleMs).toISOString();
  return { provider, symbol, timeframe, ...status, lastCandle };
}

/** From the history's start to its end, or to the close of the last closed candle. */
function wantedOf({ wantedFromMs, wantedToMs }: SeriesFacts, closedMs: number): Range | undefined {
  if (wantedFromMs === null) return undefined;
  const toMs = Math.min(wantedToMs ?? Number.POSITIVE_INFINITY, closedMs);
  return wantedFromMs < toMs ? { fromMs: wantedFromMs, toMs } : undefined;
}
