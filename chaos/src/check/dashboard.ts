import { backfillQueueName } from '@candlefleet/queue';
import { z } from 'zod';
import { openQueues } from '../faults/redis.js';
import type { Stage } from '../stage/stage.js';

const STATES = ['waiting', 'active', 'delayed', 'prioritized', 'completed', 'failed'] as const;

const boardSchema = z.object({
  queues: z.array(z.object({ name: z.string(), counts: z.record(z.string(), z.number()) })),
});

/** What the dashboard counts is what the store holds. */
export async function compareDashboard(stage: Stage): Promise<string[]> {
  const name = backfillQueueName('replay');
  const queues = await openQueues(stage);
  try {
    const response = await fetch(`${stage.dashboardUrl}/queues/api/queues`, {
      signal: AbortSignal.timeout(20_000),
    });
    const board = boardSchema.parse(await response.json()).queues.find((one) => one.name === name);
    const counted = await queues.queue(name).getJobCounts(...STATES);
    return STATES.filter((state) => (board?.counts[state] ?? 0) !== (counted[state] ?? 0)).map(
      (state) =>
        `the dashboard counts ${board?.counts[state] ?? 0} ${state} jobs, the store ${counted[state] ?? 0}`,
    );
  } finally {
    await queues.close({ deadlineMs: 5_000 });
  }
}
