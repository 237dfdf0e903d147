export { type Clock, systemClock } from './clock.js';
export { withinDeadline } from './deadline.js';
export { type LimitedSignal, limitSignal } from './limited-signal.js';
export { oneAtATime } from './one-at-a-time.js';
export { TIMEFRAMES, type Timeframe, isTimeframe, timeframeMs, timeframeSchema } from './timeframe.js';
export {
  type Range,
  type Ranges,
  hullOf,
  intersectRanges,
  normalizeRanges,
  rangesContain,
  subtractRanges,
  unionRanges,
} from './range.js';
export { type Calendar, isAligned, lastClosedOpen, openAtOrAfter, opensIn } from './calendar/calendar.js';
export { alwaysOpen } from './calendar/always-open.js';
export { calendarOf } from './calendar/calendar-of.js';
export { BadInputError, FleetError, type FleetErrorInit, asFleetError } from './errors.js';
export { redact, storable } from './redact.js';
export type { Candle } from './candle/candle.js';
export {
  type CheckContext,
  type CheckedCandles,
  type RejectedCandle,
  type RejectionReason,
  checkCandles,
  sameCandle,
} from './candle/check-candles.js';
export {
  type Answer,
  type Assessment,
  type Confirmation,
  type Confirmed,
  assessAnswer,
  confirmHoles,
} from './coverage/assess-answer.js';
export { type CheckedPage, checkPage } from './coverage/check-page.js';
export {
  type SeriesRecord,
  type SeriesState,
  type SeriesStatus,
  seriesStatus,
} from './coverage/series-status.js';
export { SLICE_CANDLES, cutSlices } from './plan/cut-slices.js';
export { type Demand, tailDemand } from './plan/demand.js';
export { tailWindow } from './plan/tail-window.js';
export { TAIL_GRACE_MS, type TailSchedule, spreadWindowMs, tailSchedule } from './plan/tail-schedule.js';
export {
  EXECUTION_KINDS,
  EXECUTION_STATUSES,
  type ExecutionKind,
  type ExecutionStatus,
  newExecutionId,
  tailExecutionId,
} from './execution/execution.js';
export { BACKFILL_RETRY, type RetryPolicy, backoffMs } from './execution/backoff.js';
export type {
  AssetClass,
  BudgetPolicy,
  CandlePage,
  CandleSource,
  FetchRequest,
  ProviderTraits,
  SymbolInfo,
} from './provider/candle-source.js';
export { reachStart } from './provider/reach.js';
export type { RequestGate, RequestPurpose } from './provider/request-gate.js';
export type { MarketCache } from './provider/market-cache.js';
export type { Budget, BudgetAnswer, BudgetRequest } from './provider/budget.js';
