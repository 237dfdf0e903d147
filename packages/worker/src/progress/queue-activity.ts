import type { JobHandler } from '@candlefleet/queue';

/** What this worker does on one queue; times by performance.now(). */
export interface QueueActivity {
  readonly inHand: number;
  readonly takenAt: number;
  /** Until then it takes nothing, for the provider said stop. */
  readonly restsUntil: number;
}

/** Notes what each queue's jobs do, by the queue's name. */
export interface ActivityNotes {
  noting(queue: string, handle: JobHandler): JobHandler;
  of(queue: string): QueueActivity;
}

const NOTHING_YET: QueueActivity = { inHand: 0, takenAt: 0, restsUntil: 0 };

export function createActivityNotes(): ActivityNotes {
  const notes = new Map<string, { inHand: number; takenAt: number; restsUntil: number }>();
  return {
    noting(queue, handle) {
      const note = notes.get(queue) ?? { ...NOTHING_YET };
      notes.set(queue, note);
      return async (job, signal) => {
        note.inHand += 1;
        note.takenAt = performance.now();
        try {
          const ending = await handle(job, signal);
          if (ending.do === 'rateLimit') note.restsUntil = performance.now() + ending.delayMs;
          return ending;
        } finally {
          note.inHand -= 1;
        }
      };
    },
    of: (queue) => notes.get(queue) ?? NOTHING_YET,
  };
}
