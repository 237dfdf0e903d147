import { listProviders, runDeepChecks, type Database, type DeepFinding } from '@candlefleet/db';
import { providerTraits } from '@candlefleet/providers';
import { backfillQueueName } from '@candlefleet/queue';
import { openQueues } from '../connect-fleet.js';
import { createBars, type Bar } from '../terminal/bars.js';
import type { CommandContext } from './context.js';

/** Only series of this provider, or of this symbol; absent: all. */
export interface DeepWishes {
  readonly provider?: string | undefined;
  readonly symbol?: string | undefined;
}

export interface DeepSurroundings {
  readonly db: Database;
  /** While the queue is silent nothing can move, and that is no fault of what is stored. */
  readonly queueAnswers: boolean;
}

const QUEUE_MS = 10_000;
const CLOSE_MS = 5_000;

/** Checks what is stored by its own rules, with a bar for the long part. */
export async function checkDeeply(
  context: CommandContext,
  { db, queueAnswers }: DeepSurroundings,
  { provider, symbol }: DeepWishes,
): Promise<DeepFinding[]> {
  const bars = createBars(context.output);
  let bar: Bar | undefined;
  try {
    return await runDeepChecks(db, {
      provider,
      symbol,
      traitsOf: providerTraits,
      pausedProviders: queueAnswers ? await listPaused(context, db) : await listProviders(db),
      onProgress: ({ done, total }) => (bar ??= bars.add('read twice', total)).update(done),
    });
  } finally {
    bars.stop();
  }
}

async function listPaused(context: CommandContext, db: Database): Promise<string[]> {
  const providers = await listProviders(db);
  const queues = await openQueues(context.settings, 'doctor', context.log, AbortSignal.timeout(QUEUE_MS));
  try {
    const paused = await Promise.all(providers.map((one) => queues.isPaused(backfillQueueName(one))));
    return providers.filter((_, index) => paused[index]);
  } finally {
    await queues.close({ deadlineMs: CLOSE_MS });
  }
}
