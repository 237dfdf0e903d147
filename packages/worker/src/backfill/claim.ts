import { calendarOf, tailWindow, type ProviderTraits } from '@candlefleet/core';
import type { Claim, ClaimAnswer, TailClaim } from '@candlefleet/db';
import { executionIdOf, slotMsOf, type BackfillJob, type JobEnding } from '@candlefleet/queue';

/** What to claim for a job; a tail's slot is read from the job, its newest closed candles from the database's clock. */
export function claimOf(
  job: { id: string; data: BackfillJob },
  traits: ProviderTraits,
  dbNowMs: number,
): Claim {
  const executionId = executionIdOf(job);
  const tail = job.data.kind === 'tail' ? tailOf(job, traits, dbNowMs) : undefined;
  return { executionId, tail };
}

function tailOf(job: { id: string; data: BackfillJob }, traits: ProviderTraits, dbNowMs: number): TailClaim {
  const { timeframe, seriesId } = job.data;
  const calendar = calendarOf(job.data.calendar);
  const range = tailWindow({ calendar, timeframe }, traits, dbNowMs);
  const rereadFromMs = calendar.stepOpen(
    timeframe,
    calendar.openAtOrBefore(timeframe, range.toMs - 1),
    -traits.revisionWindow,
  );
  return { seriesId, slotMs: slotMsOf(job), range, rereadFromMs };
}

/** What becomes of the job when the claim did not get the execution (protocol, "Jobs are a hint"). */
export function endingOfRefusedClaim(
  answer: Exclude<ClaimAnswer, { outcome: 'claimed' }>,
  restMs: number,
): JobEnding {
  switch (answer.outcome) {
    case 'held':
    case 'not_yet':
    case 'no_lease':
      return { do: 'delay', delayMs: Math.max(restMs, answer.waitMs) };
    case 'failed':
      return {
        do: 'fail',
        code: 'execution_failed',
        message: 'The execution has failed; retry it to run it again.',
      };
    case 'nothing_missing':
    case 'completed':
    case 'cancelled':
    case 'gone':
      return { do: 'complete', note: answer.outcome };
  }
}
