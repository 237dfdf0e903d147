import type { Job, Queue } from 'bullmq';
import { backfillJobOptions, type BackfillJob } from './jobs/backfill.js';

export interface EnsuredJobs {
  readonly added: number;
  readonly replaced: number;
  readonly present: number;
}

const CHUNK = 1_000;
const DEADLOCK = '40P01';

/**
 * Every execution gets an unfinished job: none → add; completed or failed → remove, then add (an add alone is a silent
 * no-op while an ended job has that id); else nothing.
 */
export async function ensureJobs(
  queue: Queue,
  jobs: readonly (BackfillJob & { executionId: string })[],
): Promise<EnsuredJobs> {
  const missing: (BackfillJob & { executionId: string })[] = [];
  let replaced = 0;
  for (const job of jobs) {
    const state = await queue.getJobState(job.executionId);
    if (state === 'completed' || state === 'failed') {
      await queue.remove(job.executionId);
      replaced += 1;
    } else if (state !== 'unknown') continue;
    missing.push(job);
  }
  // In one order everywhere, or overlapping bulks deadlock on the Postgres backend (HAZARDS, rule 4).
  missing.sort((a, b) => (a.executionId < b.executionId ? -1 : 1));
  for (let start = 0; start < missing.length; start += CHUNK) {
    await addBulk(queue, missing.slice(start, start + CHUNK));
  }
  return { added: missing.length - replaced, replaced, present: jobs.length - missing.length };
}

async function addBulk(
  queue: Queue,
  jobs: readonly (BackfillJob & { executionId: string })[],
): Promise<void> {
  const bulk = jobs.map((data) => ({
    name: data.kind,
    data,
    opts: { ...backfillJobOptions(data.kind), jobId: data.executionId },
  }));
  try {
    await queue.addBulk(bulk);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === DEADLOCK)) throw error;
    await queue.addBulk(bulk);
  }
}

/** Removes jobs that nobody works on; an active one is left to the guard of its execution. */
export async function removeJobs(queue: Queue, jobIds: readonly string[]): Promise<void> {
  for (const id of jobIds) {
    const job: Job | undefined = await queue.getJob(id);
    if (job && !(await job.isActive())) await queue.remove(id);
  }
}
