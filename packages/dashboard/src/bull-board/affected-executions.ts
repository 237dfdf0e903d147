import { backfillJobSchema, executionIdOf } from '@candlefleet/queue';
import type { Job, JobType, Queue } from 'bullmq';

const PAGE = 500;

/** The execution that a job delivers; nothing for jobs of upkeep, and for what is not ours. */
export function executionOf(job: Job): string | undefined {
  const parsed = backfillJobSchema.safeParse(job.data);
  if (!parsed.success || !job.id) return undefined;
  try {
    return executionIdOf({ id: job.id, data: parsed.data });
  } catch {
    return undefined;
  }
}

/** The executions of all jobs in these states, read before any of them is touched. */
export async function executionsIn(queue: Queue, states: readonly JobType[]): Promise<string[]> {
  const ids = new Set<string>();
  for (let start = 0; ; start += PAGE) {
    const jobs: (Job | undefined)[] = await queue.getJobs([...states], start, start + PAGE - 1);
    for (const job of jobs) {
      const id = job && executionOf(job);
      if (id) ids.add(id);
    }
    // A page holds up to PAGE jobs of each state.
    if (jobs.length === 0) return [...ids];
  }
}
