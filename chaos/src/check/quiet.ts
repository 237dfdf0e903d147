import { setTimeout as sleep } from 'node:timers/promises';
import { readSeriesFacts, startRun } from '@candlefleet/db';
import { waitUntil } from '@candlefleet/testing';
import type { Load } from '../stage/load.js';
import type { Stage } from '../stage/stage.js';

/** A one-minute series has a fresh candle within two intervals. */
const FRESH_WITHIN_MS = 150_000;
const QUIET_WITHIN_MS = 600_000;
const MINUTE_MS = 60_000;

/** Each scheduler fires again: fresh candles of every live series, from after `sinceMs`. */
export async function waitForFreshCandles(stage: Stage, load: Load, sinceMs: number): Promise<void> {
  await waitUntil(
    'a fresh candle of each live series',
    async () => {
      const facts = await readSeriesFacts(stage.db);
      return load.live.every((symbol) =>
        facts.some((one) => one.symbol === symbol && (one.lastCandleMs ?? 0) + MINUTE_MS > sinceMs),
      );
    },
    FRESH_WITHIN_MS,
  );
}

/**
 * Everything that is wanted is there, or visibly failed or in doubt: then it is run or asked for again, as a person would
 * do it. Answers how many had failed.
 */
export async function waitForQuiet(stage: Stage, load: Load): Promise<{ retried: number }> {
  let retried = 0;
  let isQuiet = false;
  for (const end = performance.now() + QUIET_WITHIN_MS; !isQuiet; await sleep(500)) {
    if (performance.now() > end) throw new Error(`not quiet: ${await whatIsLeft(stage)}`);
    retried += await load.retryFailed();
    await askForDoubts(stage);
    isQuiet = (await whatIsLeft(stage)) === '';
  }
  return { retried };
}

/** A person's run asks at once for what would be asked again in minutes. */
async function askForDoubts({ db }: Stage): Promise<void> {
  for (const { seriesId, unconfirmed, unfinished } of await readSeriesFacts(db)) {
    if (unfinished > 0) continue;
    for (const range of unconfirmed)
      await startRun(db, {
        seriesId,
        range,
        requestedBy: 'chaos',
        candlesEstimated: 0,
        requestsEstimated: 0,
      });
  }
}

async function whatIsLeft(stage: Stage): Promise<string> {
  const left = (await readSeriesFacts(stage.db)).filter((one) => {
    const { settled, wantedFromMs, wantedToMs, unfinished, unconfirmed } = one;
    const isWhole =
      wantedFromMs === null ||
      wantedToMs === null ||
      settled.some((range) => range.fromMs <= wantedFromMs && range.toMs >= wantedToMs);
    return unfinished > 0 || unconfirmed.length > 0 || !isWhole;
  });
  return left
    .map(
      ({ symbol, timeframe, unfinished, failed }) =>
        `${symbol} ${timeframe} (${unfinished} unfinished, ${failed} failed)`,
    )
    .join(', ');
}
