import { asFleetError, backoffMs, BACKFILL_RETRY, type FleetError } from '@candlefleet/core';
import type { ClaimedExecution, Finish, FinishAnswer } from '@candlefleet/db';
import type { JobEnding } from '@candlefleet/queue';
import type { Logger } from 'pino';
import { BudgetUnknownError, BudgetWaitError, StoppedError } from '../errors.js';
import type { LeaseKeeper } from '../lease-keeper.js';

export interface FailureDeps {
  readonly finish: (finish: Finish) => Promise<FinishAnswer>;
  readonly log: Logger;
  readonly lease: Pick<LeaseKeeper, 'restMs'>;
}

/** T6 and T7: records how an attempt ended that did not complete, and says what becomes of the job. */
export async function endFailedAttempt(
  deps: FailureDeps,
  execution: ClaimedExecution,
  thrown: unknown,
  signal: AbortSignal,
): Promise<JobEnding> {
  const error =
    signal.aborted && !(thrown instanceof StoppedError) ? asFleetError(signal.reason) : asFleetError(thrown);
  // Without a lease nothing may be written: the reaper, or our own next renewal, takes the row back.
  if (error instanceof StoppedError && error.why === 'lease_lost')
    return { do: 'delay', delayMs: deps.lease.restMs };
  const context = { execution_id: execution.executionId, series: execution.seriesId, code: error.code };
  const ownLimit = ownLimitMs(error);
  const finish = finishOf(execution, error, ownLimit);
  deps.log[finish.ending === 'handed_back' ? 'debug' : 'warn'](
    { ...context, ending: finish.ending },
    error.message,
  );
  try {
    const answer = await deps.finish(finish);
    if (answer.outcome === 'failed') return { do: 'fail', code: error.code, message: error.message };
    if (answer.outcome !== 'pending') return { do: 'complete', note: answer.outcome };
    return ownLimit ? { do: 'rateLimit', delayMs: ownLimit } : { do: 'delay', delayMs: answer.waitMs };
  } catch (again) {
    deps.log.warn(
      { ...context, err: again },
      'the end of an attempt could not be recorded; its row is handed back by the lease',
    );
    // Nothing more is tried under this fence: the statement's outcome is unknown.
    return { do: 'delay', delayMs: deps.lease.restMs };
  }
}

/** How long the provider's own 429 or 418 keeps us away; the request gate has told the fleet already. */
function ownLimitMs(error: FleetError): number | undefined {
  return error.code === 'rate_limited' || error.code === 'banned' ? error.retryAfterMs : undefined;
}

function finishOf(execution: ClaimedExecution, error: FleetError, ownLimitMs: number | undefined): Finish {
  const { executionId, fence } = execution;
  const base = { executionId, fence, code: error.code, message: error.message };
  if (ownLimitMs !== undefined) return { ...base, ending: 'handed_back', delayMs: ownLimitMs };
  // An attempt that hung is an error like any other: the next one may hang too, and must end some day.
  if (error instanceof StoppedError && error.why !== 'deadline')
    return { ...base, ending: 'handed_back', delayMs: 0 };
  if (error instanceof BudgetWaitError || error instanceof BudgetUnknownError) {
    return { ...base, ending: 'handed_back', delayMs: error.retryAfterMs };
  }
  if (!error.retryable) return { ...base, ending: 'failed' };
  return {
    ...base,
    ending: 'retry',
    delayMs: error.retryAfterMs ?? backoffMs(execution.tries + 1, BACKFILL_RETRY),
  };
}
