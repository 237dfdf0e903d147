import { oneAtATime } from '@candlefleet/core';
import type { RunningWorker } from '@candlefleet/queue';
import type { Logger } from 'pino';

/** The queues that this worker consumes. */
export interface Consumers {
  readonly names: readonly string[];
  /** Those that it should consume, opened or not. */
  readonly wanted: readonly string[];
  /** While it may not work, no queue is opened, and those that are open rest: on Postgres a wrong clock steals locks. */
  setMayWork(mayWork: boolean): void;
  /** Opens what there is and is not consumed yet. What fails is told, and left to the next look. */
  look(): Promise<void>;
  close(options: { deadlineMs: number }): Promise<'closed' | 'deadline'>;
}

export interface ConsumersOptions {
  readonly listNames: () => Promise<string[]>;
  readonly open: (name: string) => Promise<RunningWorker>;
  readonly log: Logger;
}

export function createConsumers({ listNames, open, log }: ConsumersOptions): Consumers {
  const consumed = new Map<string, RunningWorker>();
  let wanted: string[] = [];
  let mayWork = false;
  let isClosing = false;

  async function consume(name: string): Promise<void> {
    if (isClosing || !mayWork) return;
    const known = consumed.get(name);
    if (known?.isRunning) return;
    if (known) {
      log.error({ queue: name }, "the queue's worker ended by itself: opening another");
      consumed.delete(name);
      letGo(known);
    }
    const opened = await open(name);
    if (isClosing) return letGo(opened);
    if (!mayWork) opened.pause();
    consumed.set(name, opened);
    log.info({ queue: name }, 'consuming');
  }

  function letGo(worker: RunningWorker): void {
    worker.close({ deadlineMs: 0 }).catch((error: unknown) => log.debug({ err: error }, 'not closed'));
  }

  // Two looks at once would consume a queue twice.
  const look = oneAtATime(async () => {
    if (isClosing) return;
    wanted = await listNames();
    for (const name of wanted)
      await consume(name).catch((error: unknown) =>
        log.warn({ err: error, queue: name }, 'queue not consumed; trying again'),
      );
  });
  const lookAndTell = () =>
    look().catch((error: unknown) => log.warn({ err: error }, 'queues not looked for; trying again'));

  return {
    get names() {
      return [...consumed.keys()];
    },
    get wanted() {
      return wanted;
    },
    setMayWork(next) {
      if (next === mayWork) return;
      mayWork = next;
      if (consumed.size === 0) return;
      for (const worker of consumed.values()) {
        if (mayWork) worker.resume();
        else worker.pause();
      }
      log.warn({ queues: [...consumed.keys()] }, mayWork ? 'taking jobs again' : 'taking no jobs');
    },
    look: lookAndTell,
    async close(options) {
      isClosing = true;
      const closing = [...consumed.values()].map((worker) => worker.close(options));
      // One that is being opened just now is let go of there.
      const [endings] = await Promise.all([Promise.all(closing), lookAndTell()]);
      return endings.includes('deadline') ? 'deadline' : 'closed';
    },
  };
}
