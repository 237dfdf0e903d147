import { oneAtATime } from '@candlefleet/core';
import type { Check, Finding } from '@candlefleet/health';
import type { QueueConnection } from '@candlefleet/queue';
import type { Holds } from '../holds.js';
import type { ActivityNotes } from './queue-activity.js';

export interface ProgressOptions {
  readonly queues: Pick<QueueConnection, 'hasDueJobs'>;
  readonly queueNames: () => readonly string[];
  /** Jobs that this worker has in hand at most, per queue. */
  readonly slotsOf: (queue: string) => number;
  readonly activity: ActivityNotes;
  readonly holds: Pick<Holds, 'quietest'>;
  /** The lease and the clock. */
  readonly mayWork: () => boolean;
  /** Since when both stores answer, by performance.now(); undefined while they do not. */
  readonly storesAnswerSince: () => number | undefined;
  /** How long due work may wait before a free slot; an execution in hand gets twice as long to get on. */
  readonly progressMs: number;
}

const LOOKS_PER_BOUND = 6;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Finds a worker that makes no progress although there is work: a BullMQ loop that hangs on a dead connection, an
 * execution that never ends. What a restart cannot help is no failure: a store that is away, a paused queue, a
 * provider's stop, a lease or a clock that forbids work.
 */
export function watchProgress(options: ProgressOptions): Check & { close(): void } {
  const { queues, queueNames, slotsOf, activity, progressMs } = options;
  /** Queue → since when work has waited there for nobody but us. */
  const waitingSince = new Map<string, number>();

  async function lookAt(queue: string): Promise<void> {
    const { inHand, restsUntil } = activity.of(queue);
    const isOpen = options.mayWork() && inHand < slotsOf(queue) && restsUntil < performance.now();
    // A store that cannot be asked is told by readiness.
    const isDue = isOpen && (await queues.hasDueJobs(queue).catch(() => false));
    if (!isDue) waitingSince.delete(queue);
    else if (!waitingSince.has(queue)) waitingSince.set(queue, performance.now());
  }
  const look = oneAtATime(async () => {
    const names = queueNames();
    for (const gone of waitingSince.keys()) if (!names.includes(gone)) waitingSince.delete(gone);
    for (const name of names) await lookAt(name);
  });
  const timer = setInterval(() => void look(), Math.min(LONGEST_PAUSE_MS, progressMs / LOOKS_PER_BOUND));
  timer.unref();

  return {
    name: 'progress',
    look: () => judge(options, waitingSince),
    close: () => clearInterval(timer),
  };
}

function judge(
  { activity, holds, mayWork, storesAnswerSince, progressMs }: ProgressOptions,
  waitingSince: ReadonlyMap<string, number>,
): Finding {
  const answerSince = storesAnswerSince();
  if (answerSince === undefined) return { ok: true, found: 'waits for its stores' };
  if (!mayWork()) return { ok: true, found: "takes nothing: its lease or this machine's clock forbids it" };
  const now = performance.now();
  const quiet = (since: number) => now - Math.max(since, answerSince);
  for (const [queue, since] of waitingSince) {
    const quietMs = quiet(Math.max(since, activity.of(queue).takenAt));
    if (quietMs > progressMs)
      return stuck(
        `jobs of ${queue} wait, and none was taken for ${seconds(quietMs)} although slots are free`,
      );
  }
  const quietest = holds.quietest();
  if (quietest && quiet(quietest.since) > 2 * progressMs)
    return stuck(`execution ${quietest.executionId} has not got on for ${seconds(quiet(quietest.since))}`);
  return { ok: true, found: 'takes what there is, and gets on with it' };
}

function stuck(found: string): Finding {
  return {
    ok: false,
    found,
    remedy: 'Restart this worker: what it holds is taken over, and goes on from its last chunk.',
  };
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}
