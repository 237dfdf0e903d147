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
export { type Fault, type FaultPlan, faultPlanSchema, parseFaultFlag } from './replay/faults.js';
export type { CandlesAsk, ReplayMarket, ReplaySeries } from './replay/replay-market.js';
export {
  type ReplayServer,
  type ReplayServerOptions,
  type ServedRequest,
  startReplayServer,
} from './replay/replay-server.js';
export { SIMULATED_LISTING_MS, SIMULATED_SYMBOLS, createSimulatedMarket } from './replay/simulated-market.js';
export { type BudgetLimits, providerTraits } from './traits.js';
