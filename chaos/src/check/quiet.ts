import { setTimeout as sleep } from 'node:timers/promises';
import { readSeriesFacts, startRun, type SeriesFacts } from '@candlefleet/db';
import { waitUntil } from '@candlefleet/testing';
import type { Load } from '../stage/load.js';
import type { Stage } from '../stage/stage.js';
import { lastNextSlotMs } from './schedulers.js';

/** A one-minute series has a fresh candle within two intervals. */
const FRESH_WITHIN_MS = 150_000;
const QUIET_WITHIN_MS = 600_000;
const MINUTE_MS = 60_000;
const LOOK_EVERY_MS = 1_000;

/** Each scheduler fires again: fresh candles of every live series, from after now. */
export async function waitForFreshCandles(stage: Stage, load: Load): Promise<void> {
  const sinceMs = Date.now();
  const untilSlotMs = Math.max(0, (await lastNextSlotMs(stage)) - sinceMs);
  await waitUntil(
    'a fresh candle of each live series',
    async () => {
      const facts = await readSeriesFacts(stage.db);
      return load.live.every((symbol) =>
        facts.some((one) => one.symbol === symbol && (one.lastCandleMs ?? 0) + MINUTE_MS > sinceMs),
      );
    },
    untilSlotMs + FRESH_WITHIN_MS,
  );
}

/**
 * Everything that is wanted is there. What visibly failed is run again, and what is in doubt, or was cancelled in Bull
 * Board, is asked for, as a person would do it. Answers how many had failed.
 */
export async function waitForQuiet(stage: Stage, load: Load): Promise<{ retried: number }> {
  let retried = 0;
  for (const end = performance.now() + QUIET_WITHIN_MS; ; await sleep(LOOK_EVERY_MS)) {
    retried += await load.retryFailed();
    const left = await listUnsettled(stage);
    if (left.length === 0) return { retried };
    if (performance.now() > end) throw new Error(`not quiet: ${left.map(nameOf).join(', ')}`);
    for (const one of left) if (one.unfinished === 0) await askFor(stage, one);
  }
}

async function listUnsettled({ db }: Stage): Promise<SeriesFacts[]> {
  return (await readSeriesFacts(db)).filter(
    ({ unfinished, unconfirmed, settled, wantedFromMs, wantedToMs }) => {
      const isWhole =
        wantedFromMs === null ||
        wantedToMs === null ||
        settled.some((range) => range.fromMs <= wantedFromMs && range.toMs >= wantedToMs);
      return unfinished > 0 || unconfirmed.length > 0 || !isWhole;
    },
  );
}

async function askFor({ db }: Stage, { seriesId, wantedFromMs, wantedToMs }: SeriesFacts): Promise<void> {
  if (wantedFromMs === null || wantedToMs === null) return;
  await startRun(db, {
    seriesId,
    range: { fromMs: wantedFromMs, toMs: wantedToMs },
    requestedBy: 'chaos',
    candlesEstimated: 0,
    requestsEstimated: 0,
  });
}

function nameOf({ symbol, timeframe, unfinished, failed }: SeriesFacts): string {
  return `${symbol} ${timeframe} (${unfinished} unfinished, ${failed} failed)`;
}
