import type { Range } from '@candlefleet/core';
import { planExecutions } from '@candlefleet/db';
import { SIMULATED_LISTING_MS } from '@candlefleet/providers';
import { PROVIDER, type Warehouse } from './warehouse.js';

const MINUTE_MS = 60_000;

export function minutesFromListing(candles: number): Range {
  return { fromMs: SIMULATED_LISTING_MS, toMs: SIMULATED_LISTING_MS + candles * MINUTE_MS };
}

/** One history execution over the whole of each one-minute series; answers their jobs. */
export async function planHistory(
  warehouse: Warehouse,
  series: readonly { seriesId: number; symbol: string }[],
  range: Range,
) {
  const jobs = [];
  for (const { seriesId, symbol } of series) {
    const [executionId = ''] = await planExecutions(warehouse.db, {
      seriesId,
      kind: 'history',
      slices: [range],
    });
    const one = { seriesId, provider: PROVIDER, symbol, timeframe: '1m', calendar: '24x7' } as const;
    jobs.push({ v: 1 as const, executionId, ...one, kind: 'history' as const });
  }
  return jobs;
}
