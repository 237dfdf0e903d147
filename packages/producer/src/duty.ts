import type { Logger } from 'pino';

/** Work that is done again and again: every `everyMs`, and soon after each `wake`. Never twice at once. */
export interface Duty {
  readonly name: string;
  readonly everyMs: number;
  /** When it was last done, well or not, by performance.now(); before the first time, when it began. */
  readonly endedAt: number;
  wake(): void;
  close(): Promise<void>;
}

/** What arrives within this time is one wake. */
const GATHER_MS = 50;

export function startDuty(options: {
  name: string;
  everyMs: number;
  work: () => Promise<void>;
  log: Logger;
}): Duty {
  const { name, everyMs, work, log } = options;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let isWanted = false;
  let isWoken = false;
  let isClosed = false;
  let endedAt = performance.now();

  function schedule(delayMs: number): void {
    clearTimeout(timer);
    if (!isClosed) timer = setTimeout(run, delayMs);
  }

  function run(): void {
    if (running) {
      isWanted = true;
      return;
    }
    isWanted = false;
    isWoken = false;
    running = work()
      // The edge of the producer: a duty that fails is told and done again.
      .catch((error: unknown) => log.error({ err: error, duty: name }, 'duty failed; it is tried again'))
      .finally(() => {
        running = undefined;
        endedAt = performance.now();
        schedule(isWanted ? GATHER_MS : everyMs);
      });
  }

  run();
  return {
    name,
    everyMs,
    get endedAt() {
      return endedAt;
    },
    wake() {
      if (running) isWanted = true;
      // Only the first one sets the clock: wakes that never end would put the work off for ever.
      else if (!isWoken) schedule(GATHER_MS);
      isWoken = true;
    },
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await running;
    },
  };
}
