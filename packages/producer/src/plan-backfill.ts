import {
  calendarOf,
  cutSlices,
  intersectRanges,
  lastClosedOpen,
  spreadWindowMs,
  TAIL_GRACE_MS,
  tailWindow,
  TIMEFRAMES,
  type ProviderTraits,
  type Range,
} from '@candlefleet/core';
import {
  countOutstanding,
  endRun,
  findMissing,
  listOpenRuns,
  listTrackedSeries,
  planExecutions,
  type Database,
  type OpenRun,
  type Plan,
  type PlanningHorizon,
  type SeriesWithMissing,
} from '@candlefleet/db';
import type { Logger } from 'pino';

export interface PlanDeps {
  readonly db: Database;
  readonly traitsOf: (provider: string) => ProviderTraits;
  readonly providers: () => Promise<string[]>;
  readonly now: () => Promise<number>;
  readonly log: Logger;
}

/** Slices under way per series and per provider: the queue stays short however long the history. */
const PER_SERIES = 2;
const PER_PROVIDER = 32;

/**
 * Cuts what is missing into executions, newest first (T1): history for the watchlist, manual for people's runs.
 * Answers how many were written.
 */
export async function planBackfill(deps: PlanDeps): Promise<number> {
  const nowMs = await deps.now();
  const horizons = await horizonsOf(deps, nowMs);
  if (horizons.length === 0) return 0;
  const missing = await findMissing(deps.db, horizons);
  const runs = await closeSettledRuns(deps, await listOpenRuns(deps.db));
  const outstanding = await countOutstanding(deps.db);
  let planned = 0;
  for (const series of missing) {
    const underWay = outstanding.get(series.provider) ?? 0;
    const plan = planOf(deps, series, { runs, nowMs, room: PER_PROVIDER - underWay });
    if (plan.slices.length === 0) continue;
    const ids = await planExecutions(deps.db, plan);
    outstanding.set(series.provider, underWay + ids.length);
    planned += ids.length;
  }
  if (planned > 0) deps.log.info({ planned }, 'executions planned');
  return planned;
}

/** Up to where to look: the newest candle whose tail should have come by now. */
async function horizonsOf(deps: PlanDeps, nowMs: number): Promise<PlanningHorizon[]> {
  const calendars = new Map(
    (await listTrackedSeries(deps.db)).map((s) => [`${s.provider} ${s.calendar}`, s]),
  );
  return [...calendars.values()].flatMap((one) =>
    TIMEFRAMES.map((timeframe) => {
      const calendar = calendarOf(one.calendar);
      const lateMs = deps.traitsOf(one.provider).settleDelayMs + spreadWindowMs(timeframe) + TAIL_GRACE_MS;
      const last = lastClosedOpen(calendar, timeframe, lateMs, nowMs);
      return { provider: one.provider, timeframe, toMs: calendar.closeOf(timeframe, last) };
    }),
  );
}

/** A run ends when nothing of it is missing, or what is missing was set aside. Answers those that go on. */
async function closeSettledRuns(deps: PlanDeps, runs: readonly OpenRun[]): Promise<OpenRun[]> {
  const open: OpenRun[] = [];
  for (const run of runs) {
    const isOver = run.unfinished === 0 && (run.missing.length === 0 || run.setAside > 0);
    if (isOver) await endRun(deps.db, run.runId);
    else open.push(run);
  }
  return open;
}

/** What a person asked for comes before the rest of the series' history. */
function planOf(
  deps: PlanDeps,
  series: SeriesWithMissing,
  { runs, nowMs, room }: { runs: readonly OpenRun[]; nowMs: number; room: number },
): Plan {
  const { seriesId, timeframe } = series;
  const calendar = calendarOf(series.calendar);
  const maxSlices = Math.max(0, Math.min(room, PER_SERIES - series.outstanding));
  const tailFromMs = tailWindow({ calendar, timeframe }, deps.traitsOf(series.provider), nowMs).fromMs;
  const cut = (missing: readonly Range[]) =>
    cutSlices(splitAt(missing, tailFromMs), { calendar, timeframe, maxSlices });
  for (const run of runs) {
    if (run.seriesId !== seriesId) continue;
    const slices = cut(intersectRanges(series.missing, [run.range]));
    if (slices.length > 0) return { seriesId, kind: 'manual', runId: run.runId, slices };
  }
  return { seriesId, kind: 'history', slices: cut(series.missing) };
}

/** Cuts also where the tail begins: it is held up by what overlaps it, and then for no more than a page. */
function splitAt(ranges: readonly Range[], atMs: number): Range[] {
  return ranges.flatMap((range) =>
    range.fromMs < atMs && atMs < range.toMs
      ? [
          { fromMs: range.fromMs, toMs: atMs },
          { fromMs: atMs, toMs: range.toMs },
        ]
      : [range],
  );
}
