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

const CLOSE_MS = 5_000;

/** Checks what is stored by its own rules, with a bar for the long part. */
export async function checkDeeply(
  context: CommandContext,
  db: Database,
  { provider, symbol }: DeepWishes,
): Promise<DeepFinding[]> {
  const bars = createBars(context.output);
  let bar: Bar | undefined;
  try {
    return await runDeepChecks(db, {
      provider,
      symbol,
      traitsOf: providerTraits,
      pausedProviders: await listPaused(context, db),
      onProgress: ({ done, total }) => (bar ??= bars.add('read twice', total)).update(done),
    });
  } finally {
    bars.stop();
  }
}

async function listPaused(context: CommandContext, db: Database): Promise<string[]> {
  const queues = await openQueues(context.settings, 'doctor', context.log);
  try {
    const paused: string[] = [];
    for (const provider of await listProviders(db))
      if (await queues.isPaused(backfillQueueName(provider))) paused.push(provider);
    return paused;
  } finally {
    await queues.close({ deadlineMs: CLOSE_MS });
  }
}
