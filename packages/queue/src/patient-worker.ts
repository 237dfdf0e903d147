import { setTimeout as sleep } from 'node:timers/promises';
import { Worker, type IQueueBackend, type Job, type JobProgress } from 'bullmq';

const PAUSE_MS = 1_000;

/**
 * BullMQ waits after a refused connection only. Any other error (a server that starts up, has no connections left, or
 * breaks them) it follows at once by the next try, as fast as the CPU allows (6.7.0): here each failed one rests.
 */
export class PatientWorker<B extends IQueueBackend, C> extends Worker<
  unknown,
  unknown,
  string,
  B,
  JobProgress,
  C
> {
  protected override async moveToActive(
    token: string,
    name?: string,
  ): Promise<Job<unknown, unknown, string, JobProgress>> {
    try {
      return await super.moveToActive(token, name);
    } catch (error) {
      await sleep(PAUSE_MS);
      throw error;
    }
  }
}
