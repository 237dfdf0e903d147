import { asFleetError } from '@candlefleet/core';
import { backfillJobSchema, type BackfillJob, type JobEnding, type JobInHand } from '@candlefleet/queue';
import type { Logger } from 'pino';
import { backfill, type BackfillDeps } from './backfill/backfill.js';
import { StoppedError } from './errors.js';
import type { SlotKeeper } from './slots.js';

export interface RunJobDeps extends BackfillDeps {
  readonly slots: SlotKeeper;
  readonly log: Logger;
  /** Aborted when the process is told to stop. */
  readonly shutdown: AbortSignal;
}

const NO_SLOT_DELAY_MS = 1_000;

/** The edge: parses the payload, calls the handler, and turns every outcome and error into what becomes of the job. */
export async function runBackfillJob(
  deps: RunJobDeps,
  job: JobInHand<unknown>,
  cancelled: AbortSignal,
): Promise<JobEnding> {
  const parsed = backfillJobSchema.safeParse(job.data);
  if (!parsed.success) {
    return {
      do: 'fail',
      code: 'payload_invalid',
      message: `The job's payload is not one of ours: ${parsed.error.message}`,
    };
  }
  if (!deps.lease.mayWork || deps.shutdown.aborted) return { do: 'delay', delayMs: deps.lease.restMs };
  const data: BackfillJob = parsed.data;
  if (!deps.slots.take(data.kind)) return { do: 'delay', delayMs: NO_SLOT_DELAY_MS };
  const attempt = stopSignals(deps, cancelled);
  try {
    return await backfill(deps, { ...job, data }, attempt);
  } catch (thrown) {
    const error = asFleetError(thrown);
    deps.log[error.retryable ? 'warn' : 'error'](
      { err: thrown, job_id: job.id, code: error.code },
      'the attempt ended without having begun',
    );
    return error.retryable
      ? { do: 'delay', delayMs: deps.lease.restMs }
      : { do: 'fail', code: error.code, message: error.message };
  } finally {
    attempt.dispose();
    deps.slots.free(data.kind);
  }
}

/** One signal for everything that stops an attempt, each with its reason. Made when asked for: most tails need none. */
function stopSignals(deps: RunJobDeps, cancelled: AbortSignal) {
  let made: ReturnType<typeof makeSignal> | undefined;
  return {
    get signal() {
      made ??= makeSignal(deps, cancelled);
      return made.signal;
    },
    dispose: () => made?.dispose(),
  };
}

function makeSignal(deps: RunJobDeps, cancelled: AbortSignal) {
  const controller = new AbortController();
  const stop = (why: StoppedError['why']) => () => controller.abort(new StoppedError(why));
  const sources = [
    [deps.shutdown, stop('shutdown')],
    [deps.lease.aliveSignal, stop('lease_lost')],
    [cancelled, stop('cancelled')],
  ] as const;
  for (const [signal, handler] of sources) {
    if (signal.aborted) handler();
    else signal.addEventListener('abort', handler, { once: true });
  }
  const deadline = setTimeout(stop('deadline'), deps.attemptDeadlineMs);
  return {
    signal: controller.signal,
    dispose() {
      clearTimeout(deadline);
      for (const [signal, handler] of sources) signal.removeEventListener('abort', handler);
    },
  };
}
