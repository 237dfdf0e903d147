export { series, seriesCoverage, trackedSymbols, unconfirmedRanges } from './watchlist.js';
export { candleRevisions, marketData, rejectedCandles } from './candles.js';
export {
  backfillRuns,
  executionAttempts,
  executions,
  seriesActivity,
  symbolFailureTracking,
} from './executions.js';
export { auditLog, providerBudgets, providerMarkets, workers } from './fleet.js';
