import {
  asFleetError,
  calendarOf,
  checkPage,
  FleetError,
  type Calendar,
  type CandlePage,
  type CandleSource,
  type Range,
} from '@candlefleet/core';
import {
  type Chunk,
  type ChunkAnswer,
  type Claim,
  type ClaimAnswer,
  type ClaimedExecution,
} from '@candlefleet/db';
import { executionIdOf, type BackfillJob, type JobEnding, type JobInHand } from '@candlefleet/queue';
import { ForeignOriginError, StoppedError, UnsettledError } from '../errors.js';
import type { LeaseKeeper } from '../lease-keeper.js';
import { passPoint } from '../points.js';
import type { Sources } from '../sources.js';
import { claimOf, endingOfRefusedClaim } from './claim.js';
import { endFailedAttempt, type FailureDeps } from './fail.js';
import { fetchPatiently } from './fetch-patiently.js';
import { createProgress, type Progress } from './progress.js';

export interface BackfillDeps extends FailureDeps {
  readonly claim: (claim: Claim) => Promise<ClaimAnswer>;
  readonly store: (chunk: Chunk) => Promise<ChunkAnswer>;
  readonly sources: Sources;
  readonly lease: LeaseKeeper;
  /** A reason to hand back the rest after this page, or nothing. */
  readonly shouldYield: (job: BackfillJob, startedAt: number) => Promise<string | undefined>;
  readonly attemptDeadlineMs: number;
}

/** How long a handed-back slice rests, so that what it made way for gets its turn. */
const YIELD_DELAY_MS = 500;

/** The way of a candle: claim → fetch → check → store → finish. Ends with what becomes of the job. */
export async function backfill(
  deps: BackfillDeps,
  job: JobInHand<BackfillJob>,
  stop: { readonly signal: AbortSignal },
): Promise<JobEnding> {
  const source = await openSource(deps, job.data);
  const claim =
    source instanceof FleetError
      ? { executionId: executionIdOf(job) }
      : claimOf(job, source.traits, deps.lease.dbNowMs());
  const letGo = deps.lease.hold(claim.executionId, deps.attemptDeadlineMs);
  try {
    const execution = await deps.claim(claim);
    if (execution.outcome !== 'claimed') return endingOfRefusedClaim(execution, deps.lease.restMs);
    try {
      if (source instanceof FleetError) throw source;
      return await fetchAndStore(startAttempt(deps, job, source, execution), stop.signal);
    } catch (thrown) {
      return await endFailedAttempt(deps, execution, thrown, stop.signal);
    }
  } finally {
    letGo();
    passPoint('job:ended', claim.executionId);
  }
}

/**
 * The provider's source. One that will never open is answered as the reason, for the execution to fail with; a tail's
 * range is not known without it.
 * @throws what a retry can help
 */
async function openSource(deps: BackfillDeps, job: BackfillJob): Promise<CandleSource | FleetError> {
  try {
    return await deps.sources.get(job.provider);
  } catch (thrown) {
    const error = asFleetError(thrown);
    if (error.retryable || job.kind === 'tail') throw error;
    return error;
  }
}

interface Attempt {
  readonly deps: BackfillDeps;
  readonly job: JobInHand<BackfillJob>;
  readonly source: CandleSource;
  readonly execution: ClaimedExecution;
  readonly calendar: Calendar;
  readonly progress: Progress;
  readonly startedAt: number;
  /** What the last stored page left of the range. */
  left: readonly Range[];
}

function startAttempt(
  deps: BackfillDeps,
  job: JobInHand<BackfillJob>,
  source: CandleSource,
  execution: ClaimedExecution,
): Attempt {
  const calendar = calendarOf(job.data.calendar);
  const progress = createProgress(job, execution, calendar);
  const startedAt = performance.now();
  return { deps, job, source, execution, calendar, progress, startedAt, left: execution.todo };
}

async function fetchAndStore(attempt: Attempt, signal: AbortSignal): Promise<JobEnding> {
  const { deps, job, source, execution } = attempt;
  const onAgain = ({ code, message }: FleetError) =>
    deps.log.warn({ execution_id: execution.executionId, series: execution.seriesId, code }, message);
  for (const range of execution.todo) {
    for await (const page of fetchPatiently(source, requestOf(attempt, range, signal), { onAgain })) {
      const ending = await storePage(attempt, page);
      if (ending) return ending;
      passPoint('page:after', execution.executionId);
      const why = await deps.shouldYield(job.data, attempt.startedAt);
      if (why) return handBack(attempt, why);
    }
  }
  const { outcome } = await deps.finish({ ...idOf(execution), ending: 'completed' });
  if (outcome !== 'unsettled') return { do: 'complete', note: outcome };
  // Uncounted only while it gets on: else it would come back for ever.
  if (lengthMs(attempt.left) >= lengthMs(execution.todo)) throw new UnsettledError(job.data.provider);
  return handBack(attempt, 'unsettled');
}

function lengthMs(ranges: readonly Range[]): number {
  return ranges.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
}

function requestOf({ job, calendar }: Attempt, range: Range, signal: AbortSignal) {
  const { symbol, timeframe, kind } = job.data;
  return { symbol, timeframe, calendar, ...range, urgent: kind === 'tail', signal };
}

/** Answers the job's ending when there is nothing more to do. */
async function storePage(attempt: Attempt, page: CandlePage): Promise<JobEnding | undefined> {
  const { deps, job, source, execution, calendar, progress } = attempt;
  const { traits, origin } = source;
  // A page that took longer than the lease, or than the clock could be trusted.
  if (!deps.lease.mayWork) throw new StoppedError('lease_lost');
  const settledMs = deps.lease.dbNowMs() - traits.settleDelayMs;
  const checked = checkPage(page, { calendar, timeframe: job.data.timeframe, settledMs });
  const stored = await deps.store({
    ...idOf(execution),
    candles: checked.good,
    rejected: checked.rejected,
    answered: [page.asked],
    proven: checked.proven,
    unconfirmed: checked.unconfirmed,
    unavailable: page.unavailable,
    requests: page.requests + page.confirmations,
    origin,
  });
  if (stored.outcome === 'refused')
    return { do: 'complete', note: 'refused: the execution is no longer ours' };
  if (stored.outcome === 'origin') {
    throw new ForeignOriginError(
      `${job.data.symbol} ${job.data.timeframe}`,
      execution.origin ?? 'another host',
      origin,
    );
  }
  attempt.left = stored.todo;
  await progress.report(page, checked, stored);
  return stored.outcome === 'completed' ? { do: 'complete', note: progress.summary() } : undefined;
}

async function handBack({ deps, execution }: Attempt, why: string): Promise<JobEnding> {
  const { outcome } = await deps.finish({
    ...idOf(execution),
    ending: 'handed_back',
    delayMs: YIELD_DELAY_MS,
    code: why,
  });
  return outcome === 'pending' ? { do: 'delay', delayMs: YIELD_DELAY_MS } : { do: 'complete', note: outcome };
}

function idOf({ executionId, fence }: ClaimedExecution) {
  return { executionId, fence };
}
