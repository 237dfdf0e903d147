import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '@candlefleet/db';
import { readStatus, type FleetStatus, type SeriesLine } from '../read-status.js';
import { createBars, type Bar } from '../terminal/bars.js';
import type { Output } from '../terminal/output.js';
import { show } from '../terminal/table.js';

const LOOK_EVERY_MS = 1_000;
/** More bars than this do not fit a screen: then one stands for all. */
const MOST_BARS = 12;
const isUpToDate = ({ state }: SeriesLine) => state === 'complete' || state === 'waiting';

/** Progress bars while the first backfill runs, then a one-line live status, until the fleet stops. */
export async function showProgress(output: Output, db: Database, stopped: Promise<void>): Promise<void> {
  let isOver = false;
  void stopped.then(() => (isOver = true));
  const look = async (): Promise<FleetStatus | undefined> => {
    await Promise.race([sleep(LOOK_EVERY_MS), stopped]);
    // The database may be away for a moment: the next look tells.
    return isOver ? undefined : readStatus(db).catch(() => undefined);
  };
  await showBackfill(output, look, () => isOver);
  let told = '';
  while (!isOver) {
    const status = await look();
    if (!status) continue;
    const line = lineOf(status);
    if (process.stderr.isTTY && !output.json) process.stderr.write(`\r\x1b[2K${line}`);
    else if (line !== told) output.note(line);
    told = line;
  }
}

async function showBackfill(
  output: Output,
  look: () => Promise<FleetStatus | undefined>,
  isOver: () => boolean,
): Promise<void> {
  const bars = createBars(output);
  const byLabel = new Map<string, Bar>();
  try {
    while (!isOver()) {
      const status = await look();
      if (!status) continue;
      const lines = status.series.filter((one) => one.wantedCandles > 0);
      // What failed, was cancelled or is paused does not move by itself: bars do not wait for it.
      const isDone = lines.every((one) => one.state !== 'backfilling');
      if (isDone && byLabel.size === 0) return;
      for (const { label, wanted, settled } of progressOf(lines)) {
        const bar = byLabel.get(label) ?? bars.add(label, wanted);
        byLabel.set(label, bar);
        bar.update(Math.min(settled, wanted));
      }
      if (isDone) return;
    }
  } finally {
    bars.stop();
  }
}

function progressOf(lines: readonly SeriesLine[]): { label: string; wanted: number; settled: number }[] {
  const each = lines.map((one) => ({
    label: `${one.symbol} ${one.timeframe}`,
    wanted: one.wantedCandles,
    settled: one.wantedCandles - (isUpToDate(one) ? 0 : one.missingCandles),
  }));
  if (each.length <= MOST_BARS) return each;
  const sum = (pick: (one: (typeof each)[number]) => number) =>
    each.reduce((total, one) => total + pick(one), 0);
  return [
    { label: `${each.length} series`, wanted: sum((one) => one.wanted), settled: sum((one) => one.settled) },
  ];
}

function lineOf({ series, fleet }: FleetStatus): string {
  const done = series.filter(isUpToDate).length;
  const stored = series.reduce((sum, one) => sum + one.storedCandles, 0);
  const workers = fleet.workers.filter((worker) => worker.isAlive).length;
  const trouble = fleet.failed > 0 ? ` · ${show(fleet.failed)} failed` : '';
  return `${done} of ${series.length} series up to date · ${show(stored)} candles · ${workers} workers · ${show(fleet.pending + fleet.inProgress)} executions open${trouble}`;
}
