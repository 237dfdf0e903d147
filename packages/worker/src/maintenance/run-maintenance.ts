import { pruneExecutions, pruneWorkers, wakeProducer, type Database } from '@candlefleet/db';
import {
  backfillQueueName,
  maintenanceJobSchema,
  type JobEnding,
  type JobInHand,
  type QueueConnection,
} from '@candlefleet/queue';
import type { Logger } from 'pino';

export interface MaintenanceDeps {
  readonly db: Database;
  readonly queues: QueueConnection;
  readonly providers: () => Promise<string[]>;
  readonly log: Logger;
}

/** Rows of one retention statement: short locks, and a stop is never far away. */
const PRUNE_BATCH = 2_000;

/** Retention hourly, and the daily sweep that plans whatever is missing anywhere. */
export async function runMaintenanceJob(
  deps: MaintenanceDeps,
  job: JobInHand<unknown>,
  signal: AbortSignal,
): Promise<JobEnding> {
  const parsed = maintenanceJobSchema.safeParse({ name: job.name, data: job.data });
  if (!parsed.success) {
    return {
      do: 'fail',
      code: 'payload_invalid',
      message: `"${job.name}" is no maintenance job: ${parsed.error.message}`,
    };
  }
  switch (parsed.data.name) {
    case 'retention':
      return { do: 'complete', note: `removed ${await prune(deps, signal)} executions` };
    case 'sweep':
      await wakeProducer(deps.db);
      return { do: 'complete', note: 'the planner was woken' };
  }
}

async function prune({ db, queues, providers, log }: MaintenanceDeps, signal: AbortSignal): Promise<number> {
  const pausedProviders: string[] = [];
  for (const provider of await providers()) {
    if (await queues.isPaused(backfillQueueName(provider))) pausedProviders.push(provider);
  }
  let removed = 0;
  while (!signal.aborted) {
    const count = await pruneExecutions(db, { batch: PRUNE_BATCH, pausedProviders });
    removed += count;
    if (count < PRUNE_BATCH) break;
  }
  await pruneWorkers(db);
  log.info({ removed, pausedProviders }, 'retention done');
  return removed;
}
