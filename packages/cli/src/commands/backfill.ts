import { setTimeout as sleep } from 'node:timers/promises';
import {
  BadInputError,
  calendarOf,
  intersectRanges,
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
  readonly toMs: number;
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
  if (flags.toMs <= flags.fromMs) throw new BadInputError('--to must be later than --from.');
  return withWarehouse(context, async (db) => {
    const series = await findOne(db, flags);
    const range = await boundRange(db, series, flags);
    const missing = subtractRanges([range], series.settled);
    const estimate = estimateOf(series, missing);
    const told =
      `${series.provider} ${series.symbol} ${series.timeframe}, ${showTime(range.fromMs)} to ${showTime(range.toMs)}: ` +
      `${show(estimate.candles)} candles are missing, ${show(estimate.requests)} requests, about ${showDuration(estimate.expectedMs)}.`;
    if (flags.dryRun || estimate.candles === 0) {
      output.value({ dryRun: flags.dryRun, runId: null, ...estimate });
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
      `${flags.symbol} ${flags.timeframe} is not tracked. \`candlefleet symbols add ${flags.symbol} --timeframes ${flags.timeframe} …\` tracks it.`,
    );
  }
  if (other)
    throw new BadInputError(
      `${flags.symbol} ${flags.timeframe} comes from ${series.provider} and ${other.provider}: name one with --provider.`,
    );
  if (!series.active)
    throw new BadInputError(
      `${flags.symbol} is paused: \`candlefleet symbols resume ${flags.symbol} --provider ${series.provider}\` first.`,
    );
  return series;
}

/** Only what the series wants can be fetched, and only what is over. */
async function boundRange(db: Database, series: SeriesFacts, flags: BackfillFlags): Promise<Range> {
  const wanted = { fromMs: series.wantedFromMs ?? 0, toMs: series.wantedToMs ?? Number.POSITIVE_INFINITY };
  if (flags.fromMs < wanted.fromMs || flags.toMs > wanted.toMs) {
    const end = Number.isFinite(wanted.toMs) ? ` to ${showTime(wanted.toMs)}` : ' on';
    throw new BadInputError(
      `The series is wanted from ${showTime(wanted.fromMs)}${end} only. Widen it first: candlefleet symbols add ${series.symbol} --provider ${series.provider} --timeframes ${series.timeframe} --from …`,
    );
  }
  const [range] = intersectRanges([flags], [{ fromMs: Number.NEGATIVE_INFINITY, toMs: await db.clockMs() }]);
  if (!range) throw new BadInputError('--from lies in the future.');
  return range;
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
  output.note('The rest was set aside: `candlefleet executions list --status failed` says why.');
  return false;
}
