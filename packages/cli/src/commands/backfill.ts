import { setTimeout as sleep } from 'node:timers/promises';
import {
  BadInputError,
  calendarOf,
  lastClosedOpen,
  openAtOrAfter,
  subtractRanges,
  type Range,
  type Timeframe,
} from '@candlefleet/core';
import { readRun, readSeriesFacts, startRun, type Database, type SeriesFacts } from '@candlefleet/db';
import { providerTraits } from '@candlefleet/providers';
import { EXIT, NotFoundError } from '../errors.js';
import { createBars } from '../terminal/bars.js';
import { show, showDuration, showTime } from '../terminal/table.js';
import { withWarehouse, type CommandContext } from './context.js';

export interface BackfillFlags {
  readonly symbol: string;
  readonly timeframe: Timeframe;
  readonly provider?: string | undefined;
  readonly fromMs: number;
  /** Absent: to the end of what is wanted, or of the last closed candle. */
  readonly toMs?: number | undefined;
  readonly dryRun: boolean;
  readonly wait: boolean;
}

interface Estimate {
  readonly candles: number;
  readonly requests: number;
  readonly expectedMs: number;
}

const LOOK_EVERY_MS = 500;

/** Fetches what is missing of a stretch, before the rest of the series' history. Answers the exit code. */
export async function backfill(context: CommandContext, flags: BackfillFlags): Promise<number> {
  const { output } = context;
  if (flags.toMs !== undefined && flags.toMs <= flags.fromMs)
    throw new BadInputError('--to must be later than --from.');
  return withWarehouse(context, async (db) => {
    const series = await findOne(db, flags);
    const { range, notes } = boundRange(series, flags, await db.clockMs());
    for (const note of notes) output.note(note);
    const missing = subtractRanges([range], series.settled);
    const estimate = estimateOf(series, missing);
    const told =
      `${series.provider} ${series.symbol} ${series.timeframe}, ${showTime(range.fromMs)} to ${showTime(range.toMs)}: ` +
      `${show(estimate.candles)} candles are missing, ${show(estimate.requests)} requests, about ${showDuration(estimate.expectedMs)}.`;
    if (flags.dryRun || estimate.candles === 0) {
      output.value({ dryRun: flags.dryRun, runId: null, ...showRange(range), ...estimate });
      output.line(told);
      if (estimate.candles === 0) output.line('Nothing is to be fetched.');
      return 0;
    }
    const runId = await startRun(db, {
      seriesId: series.seriesId,
      range,
      requestedBy: context.actor,
      candlesEstimated: estimate.candles,
      requestsEstimated: estimate.requests,
    });
    output.line(`${told}\nRun ${runId} started.`);
    const isWhole = flags.wait
      ? await waitForRun(context, db, { runId, series, total: estimate.candles })
      : undefined;
    output.value({
      dryRun: false,
      runId,
      ...showRange(range),
      ...estimate,
      ...(isWhole === undefined ? {} : { complete: isWhole }),
    });
    return isWhole === false ? EXIT.incomplete : 0;
  });
}

async function findOne(db: Database, flags: BackfillFlags): Promise<SeriesFacts> {
  const found = (await readSeriesFacts(db)).filter(
    (one) =>
      one.symbol === flags.symbol &&
      one.timeframe === flags.timeframe &&
      (flags.provider === undefined || one.provider === flags.provider),
  );
  const [series, other] = found;
  if (!series) {
    throw new NotFoundError(
      `${flags.symbol} ${flags.timeframe} is not tracked. \`npx candlefleet symbols add ${flags.symbol} --provider … --timeframes ${flags.timeframe}\` tracks it.`,
    );
  }
  if (other)
    throw new BadInputError(
      `${flags.symbol} ${flags.timeframe} comes from ${series.provider} and ${other.provider}: name one with --provider.`,
    );
  if (!series.active)
    throw new BadInputError(
      `${flags.symbol} is paused: \`npx candlefleet symbols resume ${flags.symbol} --provider ${series.provider}\` first.`,
    );
  return series;
}

/** The candles that open in what was asked, and have closed; says what it changed. */
function boundRange(
  series: SeriesFacts,
  flags: BackfillFlags,
  nowMs: number,
): { range: Range; notes: string[] } {
  const { timeframe } = series;
  const calendar = calendarOf(series.calendar);
  const last = lastClosedOpen(calendar, timeframe, providerTraits(series.provider).settleDelayMs, nowMs);
  const closedMs = calendar.closeOf(timeframe, last);
  const wanted = { fromMs: series.wantedFromMs ?? 0, toMs: series.wantedToMs ?? Number.POSITIVE_INFINITY };
  const notes: string[] = [];
  const align = (flag: string, ms: number): number => {
    const openMs = openAtOrAfter(calendar, timeframe, ms);
    if (openMs !== ms)
      notes.push(`${flag} is moved to ${showTime(openMs)}, where the next ${timeframe} candle opens.`);
    return openMs;
  };
  const fromMs = align('--from', flags.fromMs);
  const askedMs = flags.toMs === undefined ? Math.min(wanted.toMs, closedMs) : align('--to', flags.toMs);
  if (fromMs < wanted.fromMs || askedMs > wanted.toMs) throw beyondWanted(series, wanted);
  if (askedMs > closedMs)
    notes.push(`--to is moved to ${showTime(closedMs)}: the last closed ${timeframe} candle ends there.`);
  const toMs = Math.min(askedMs, closedMs);
  if (fromMs < toMs) return { range: { fromMs, toMs }, notes };
  throw new BadInputError(
    fromMs >= closedMs
      ? `No ${timeframe} candle that opens at --from or later has closed: the last closed one opened at ${showTime(last)}.`
      : `No ${timeframe} candle opens between --from and --to.`,
  );
}

function beyondWanted({ provider, symbol, timeframe }: SeriesFacts, wanted: Range): BadInputError {
  const end = Number.isFinite(wanted.toMs) ? ` to ${showTime(wanted.toMs)}` : ' on';
  return new BadInputError(
    `The series is wanted from ${showTime(wanted.fromMs)}${end} only. Widen it first: npx candlefleet symbols add ${symbol} --provider ${provider} --timeframes ${timeframe} --from …`,
  );
}

function showRange({ fromMs, toMs }: Range): { from: string; to: string } {
  return { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() };
}

function estimateOf(series: SeriesFacts, missing: readonly Range[]): Estimate {
  const calendar = calendarOf(series.calendar);
  const { pageLimit, pageWeight, budget } = providerTraits(series.provider);
  const counts = missing.map((range) => calendar.countExpected(series.timeframe, range));
  const candles = counts.reduce((sum, count) => sum + count, 0);
  const requests = counts.reduce((sum, count) => sum + Math.ceil(count / pageLimit), 0);
  return {
    candles,
    requests,
    expectedMs: Math.ceil((requests * pageWeight * budget.windowMs) / budget.limit),
  };
}

/** Whether the run got everything; what was set aside ends it all the same. */
async function waitForRun(
  { output }: CommandContext,
  db: Database,
  run: { runId: string; series: SeriesFacts; total: number },
): Promise<boolean> {
  const calendar = calendarOf(run.series.calendar);
  const bars = createBars(output);
  const bar = bars.add(`${run.series.symbol} ${run.series.timeframe}`, run.total);
  try {
    for (;;) {
      const state = await readRun(db, run.runId);
      const missing = state?.missing ?? [];
      const left = missing.reduce(
        (sum, range) => sum + calendar.countExpected(run.series.timeframe, range),
        0,
      );
      bar.update(run.total - left);
      if (left === 0) return true;
      if (state && state.unfinished === 0 && state.setAside > 0) break;
      await sleep(LOOK_EVERY_MS);
    }
  } finally {
    bars.stop();
  }
  output.note('The rest was set aside: `npx candlefleet executions list --status failed` says why.');
  return false;
}
