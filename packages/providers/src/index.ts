export { BEFORE_ALL_EXCHANGES_MS } from './find-first-candle.js';
export type { SourceOptions } from './ccxt/open-ccxt-source.js';
export type { Credentials } from './ccxt/open-exchange.js';
export {
  AnswerMalformedError,
  BannedError,
  NotAuthorisedError,
  ProviderError,
  ProviderUnknownError,
  RateLimitedError,
  RequestRefusedError,
  SymbolUnknownError,
  TimedOutError,
  UnavailableError,
} from './errors.js';
export { openSource } from './open-source.js';
export { MANIFEST_NAME, type RecordingManifest } from './recordings/manifest.js';
export { openRecordings } from './recordings/open-recordings.js';
export {
  type Fault,
  FAULT_KINDS,
  type FaultKind,
  type FaultPlan,
  faultPlanSchema,
} from './replay/fault-plan.js';
export { parseFaultFlag } from './replay/parse-fault-flag.js';
export type { CandlesAsk, ReplayMarket, ReplaySeries } from './replay/replay-market.js';
export { type ReplayServer, type ReplayServerOptions, startReplayServer } from './replay/replay-server.js';
export type { Ban, RequestTotals, ServedRequest } from './replay/request-log.js';
export type { Revision } from './replay/revisions.js';
export {
  createSimulatedMarket,
  SIMULATED_LISTING_MS,
  SIMULATED_SYMBOLS,
  simulatedSymbols,
} from './replay/simulated-market.js';
export { type BudgetLimits, providerTraits } from './traits.js';
