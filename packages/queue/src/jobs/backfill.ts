import { EXECUTION_KINDS, tailExecutionId, timeframeSchema, type ExecutionKind } from '@candlefleet/core';
import type { JobsOptions } from 'bullmq';
import { z } from 'zod';
import { PayloadError } from '../errors.js';

/** A job of a series. Its id is its execution's, but for a tail that comes from its scheduler. */
export const backfillJobSchema = z.strictObject({
  v: z.literal(1),
  seriesId: z.int().positive(),
  provider: z.string().min(1),
  symbol: z.string().min(1),
  timeframe: timeframeSchema,
  calendar: z.string().min(1),
  kind: z.enum(EXECUTION_KINDS),
  /** Absent for a scheduler's tail. */
  executionId: z.uuid().optional(),
  /** Carried by tails that the relay added again. */
  slotMs: z.int().optional(),
});

export type BackfillJob = z.infer<typeof backfillJobSchema>;

/** BullMQ runs jobs without a priority before those with one. */
const PRIORITY: Record<ExecutionKind, number> = { tail: 0, manual: 5, repair: 10, history: 20 };

const DAY_SECONDS = 24 * 60 * 60;

/** One queue per provider, so that one provider's ban or backlog holds up no other. */
export function backfillQueueName(provider: string): string {
  return `backfill-${provider}`;
}

export function tailSchedulerId(seriesId: number): string {
  return `tail-${seriesId}`;
}

/**
 * How long ended jobs stay to be looked at, and that BullMQ itself counts no tries: the execution's row alone does
 * (protocol). Failed jobs stay as long as there is something to retry (DESIGN §8).
 */
export function backfillJobOptions(kind: ExecutionKind): JobsOptions {
  return {
    ...(PRIORITY[kind] > 0 ? { priority: PRIORITY[kind] } : {}),
    attempts: 1_000_000,
    removeOnComplete: { age: 3_600, count: 1_000 },
    removeOnFail: { age: 14 * DAY_SECONDS, count: 50_000 },
  };
}

interface IdentifiedJob {
  readonly id: string;
  readonly data: BackfillJob;
}

/** The scheduled instant that a tail serves: from the job, never from a clock. @throws PayloadError */
export function slotMsOf({ id, data }: IdentifiedJob): number {
  if (data.slotMs !== undefined) return data.slotMs;
  const slot = /^repeat:.+:(\d+)$/.exec(id)?.[1];
  if (slot === undefined)
    throw new PayloadError(
      `The tail job "${id}" carries no slot: it is neither a scheduler's nor the relay's.`,
    );
  return Number(slot);
}

/** @throws PayloadError when the job carries neither an execution nor a slot */
export function executionIdOf(job: IdentifiedJob): string {
  return job.data.executionId ?? tailExecutionId(job.data.seriesId, slotMsOf(job));
}
