import type { CandleBatch } from './candle-batch.js';
import type { DeepFinding } from './finding.js';
import type { Scope } from './scope.js';

/** A rule about candles: all of them are shown the same batches, so that the table is read once. */
export interface CandleRule {
  see(batch: CandleBatch): void;
  finding(): DeepFinding;
}

export type OpenCandleRule = (scope: Scope) => CandleRule;

/** An instant of evidence: one that is beyond JavaScript's dates is told as it is. */
export function showInstant(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms);
}
