import type { Queue } from 'bullmq';

/** Clocks differ, and a due job is on its way for a moment. */
const OVERDUE_GRACE_MS = 3_000;

/**
 * Whether there are jobs that a worker could take: the queue is not paused, and one waits or is overdue.
 * Only workers that fetch move due jobs on, so where all of them hang nothing waits.
 */
export async function hasDueJobs(queue: Queue): Promise<boolean> {
  if (await queue.isPaused()) return false;
  const { waiting = 0, prioritized = 0 } = await queue.getJobCounts('waiting', 'prioritized');
  if (waiting + prioritized > 0) return true;
  return (await queue.getDelayedCount(Date.now() - OVERDUE_GRACE_MS)) > 0;
}
