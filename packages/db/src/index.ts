export type { DeepFinding, Evidence } from './checks/finding.js';
export { runDeepChecks } from './checks/run-deep-checks.js';
export type { DeepCheckOptions, DeepCheckProgress } from './checks/scope.js';
export { type Database, type DatabaseOptions, connectDatabase } from './connect.js';
export { type OwnedFolder, ownFolder, ownerOf } from './embedded/own-folder.js';
export { type EmbeddedPostgres, embeddedFolder, startEmbeddedPostgres } from './embedded/start-embedded.js';
export { DatabaseError, DatabaseSilentError, DatabaseUnusableError } from './errors.js';
export { migrateDatabase } from './migrate.js';
export { type Leadership, lead } from './leader.js';
export { createBudget } from './queries/budget.js';
export { cancelExecutions, retryExecutions } from './queries/change-executions.js';
export {
  type Claim,
  type ClaimAnswer,
  type ClaimedExecution,
  type TailClaim,
  createClaimer,
} from './queries/claim-executions.js';
export {
  type PlanningHorizon,
  type SeriesWithMissing,
  countOutstanding,
  findMissing,
} from './queries/find-missing.js';
export { type ConnectionRoom, countSessions, readConnectionRoom } from './queries/connection-room.js';
export { type Finish, type FinishAnswer, createFinisher } from './queries/finish-executions.js';
export { type Lease, endLease, renewLease } from './queries/keep-lease.js';
export {
  type AttemptRow,
  type ExecutionPage,
  type ExecutionRow,
  listAttempts,
  listExecutions,
  readExecution,
} from './queries/list-executions.js';
export { createMarketCache } from './queries/market-cache.js';
export {
  type DueExecution,
  type Plan,
  listDueExecutions,
  planExecutions,
} from './queries/plan-executions.js';
export { pruneExecutions, pruneWorkers } from './queries/prune-executions.js';
export { findSeries, readCandles } from './queries/read-candles.js';
export { type FleetFacts, type WorkerFacts, readFleetFacts } from './queries/fleet-facts.js';
export { ensureReader } from './queries/ensure-reader.js';
export { type Reaped, reapExecutions } from './queries/reap-executions.js';
export { type OpenRun, type RunRequest, endRun, listOpenRuns, readRun, startRun } from './queries/runs.js';
export { wakeProducer } from './queries/wake-producer.js';
export { type SeriesFacts, readSeriesFacts } from './queries/series-status.js';
export { type Chunk, type ChunkAnswer, type StoredChunk, storeChunk } from './queries/store-chunk.js';
export { createChunkStore } from './queries/store-chunks.js';
export {
  type SymbolToTrack,
  type TrackedSeries,
  type TrackedSymbol,
  listProviders,
  listTrackedSeries,
  listTrackedSymbols,
  setSymbolActive,
  trackSymbol,
  trackSymbols,
  untrackSymbol,
} from './queries/watchlist.js';
