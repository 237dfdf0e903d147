import { FleetError } from '@candlefleet/core';

/** The budget is used up for longer than a slot may wait: hand the job back. */
export class BudgetWaitError extends FleetError {
  constructor(provider: string, reason: string, waitMs: number) {
    super({
      code: reason === 'banned' ? 'provider_banned' : 'budget_exhausted',
      message: `${provider}'s budget is ${reason}; free in ${Math.ceil(waitMs / 1000)} s.`,
      retryable: true,
      retryAfterMs: waitMs,
    });
  }
}

/** The budget could not be asked, so nothing was sent. */
export class BudgetUnknownError extends FleetError {
  constructor(provider: string, cause: unknown) {
    super({
      code: 'budget_unknown',
      message: `${provider}'s budget could not be asked, so nothing was sent.`,
      retryable: true,
      retryAfterMs: 10_000,
      cause,
    });
  }
}

/** Why an attempt was told to stop. */
export class StoppedError extends FleetError {
  constructor(readonly why: 'shutdown' | 'lease_lost' | 'deadline' | 'cancelled') {
    super({ code: `stopped_${why}`, message: `The attempt was stopped: ${why}.`, retryable: true });
  }
}

/** Candles of another host than those that the series has (DESIGN §5.9). */
export class ForeignOriginError extends FleetError {
  constructor(series: string, ours: string, theirs: string) {
    super({
      code: 'foreign_origin',
      message: `${series} holds candles from ${ours}; those from ${theirs} are refused. Point the provider at ${ours} again, or track the symbol under another provider.`,
      retryable: false,
    });
  }
}

/** Everything was asked for, but something of the range is left, and nothing was settled: a try that failed. */
export class UnsettledError extends FleetError {
  constructor(provider: string) {
    super({
      code: 'unsettled',
      message: `${provider} answered, but settled nothing of what is missing.`,
      retryable: true,
    });
  }
}

/** Told to stop, but not all work in hand ended in time. Nothing of it is lost: its executions are taken back. */
export class AbandonedWorkError extends FleetError {
  constructor(deadlineMs: number) {
    super({
      code: 'work_abandoned',
      message: `Work in hand did not end within ${Math.round(deadlineMs / 1000)} s and was abandoned; other workers go on with it.`,
      retryable: false,
    });
  }
}
