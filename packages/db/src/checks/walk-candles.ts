import { timeframeMs } from '@candlefleet/core';
import { readCandleBatches } from './candle-batch.js';
import type { OpenCandleRule } from './candle-rule.js';
import { candlesAligned } from './candles-aligned.js';
import { candlesClosed } from './candles-closed.js';
import { candlesProven } from './candles-proven.js';
import { candlesValid } from './candles-valid.js';
import type { DeepFinding } from './finding.js';
import type { Scope, ScopedSeries } from './scope.js';

const RULES: readonly OpenCandleRule[] = [candlesAligned, candlesClosed, candlesValid, candlesProven];

/** Reads every candle once, and shows it to each rule. */
export async function walkCandles(scope: Scope): Promise<DeepFinding[]> {
  const rules = RULES.map((open) => open(scope));
  for (const series of scope.series) {
    for await (const batch of readCandleBatches(scope.db, series, wholeOf(scope, series))) {
      for (const rule of rules) rule.see(batch);
      scope.tell('candles', batch.openTimesMs.length);
    }
  }
  return rules.map((rule) => rule.finding());
}

/** No candle of the timeframe lasts longer than its nominal length: what was stored later than this had closed. */
function wholeOf(scope: Scope, { timeframe, provider }: ScopedSeries): number {
  return timeframe === null ? 0 : timeframeMs(timeframe) + scope.traitsOf(provider).settleDelayMs;
}
