import type { Candle, Range } from '@candlefleet/core';
import { createClaimer, planExecutions, storeChunk, type Database } from '@candlefleet/db';
import { SIMULATED_LISTING_MS } from '@candlefleet/providers';
import { PROVIDER, type Warehouse } from './warehouse.js';

const MINUTE_MS = 60_000;
export const FROM_MS = SIMULATED_LISTING_MS;

export interface ChunkWork {
  readonly warehouse: Warehouse;
  readonly seriesIds: readonly number[];
  /** A connection for each execution under way; the series are shared out among them. */
  readonly lanes: readonly Database[];
  /** Of each series, from FROM_MS on. */
  readonly candles: readonly Candle[];
  /** Candles in one chunk. */
  readonly size: number;
}

/** Stores every series' candles by the chunk function, through claimed executions. Answers milliseconds. */
export async function storeAll(work: ChunkWork): Promise<number> {
  const { warehouse, seriesIds, lanes } = work;
  const range = { fromMs: FROM_MS, toMs: FROM_MS + work.candles.length * MINUTE_MS };
  const claim = createClaimer(warehouse.db, await warehouse.lease());
  const claimed: { executionId: string; fence: number }[] = [];
  for (const seriesId of seriesIds) {
    const [executionId = ''] = await planExecutions(warehouse.db, {
      seriesId,
      kind: 'history',
      slices: [range],
    });
    const answer = await claim({ executionId });
    if (answer.outcome !== 'claimed') throw new Error(`the claim answered ${answer.outcome}`);
    claimed.push({ executionId, fence: answer.fence });
  }
  await Promise.all(lanes.map((db) => db.clockMs()));
  const rest = claimed.values();
  const startedAt = performance.now();
  await Promise.all(
    lanes.map(async (db) => {
      for (const execution of rest) await storeSeries(db, execution, work);
    }),
  );
  return performance.now() - startedAt;
}

async function storeSeries(
  db: Database,
  execution: { executionId: string; fence: number },
  { candles, size }: ChunkWork,
): Promise<void> {
  for (let start = 0; start < candles.length; start += size) {
    const chunk = candles.slice(start, start + size);
    const fromMs = FROM_MS + start * MINUTE_MS;
    const asked: Range[] = [{ fromMs, toMs: fromMs + chunk.length * MINUTE_MS }];
    const answer = await storeChunk(db, {
      ...execution,
      candles: chunk,
      rejected: [],
      answered: asked,
      proven: asked,
      unconfirmed: [],
      unavailable: [],
      requests: 1,
      origin: PROVIDER,
    });
    if (answer.outcome === 'refused' || answer.outcome === 'origin')
      throw new Error(`the chunk was ${answer.outcome}`);
  }
}
