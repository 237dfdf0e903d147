import { asFleetError, withinDeadline } from '@candlefleet/core';
import type { Check } from './check.js';
import { StoreSilentError } from './errors.js';

export interface WatchedStore {
  /** As a person calls it: `Postgres`. */
  readonly name: string;
  readonly ping: () => Promise<unknown>;
  readonly remedy: string;
}

export interface StoreWatch extends Check {
  /** Since when it has answered without a break, by performance.now(); undefined while it does not. */
  readonly answersSince: number | undefined;
  close(): void;
}

const PING_EVERY_MS = 1_000;
/** A pool replaces what is silent after three seconds: its own word comes first. */
const PING_DEADLINE_MS = 3_500;
/** Red within five seconds of the loss: an answer may have come just before it. */
const LONGEST_SILENCE_MS = 4_000;

/** Asks a store again and again whether it is there. */
export function watchStore({ name, ping, remedy }: WatchedStore): StoreWatch {
  let answeredAt = Number.NEGATIVE_INFINITY;
  let since = 0;
  let reason = 'not asked yet';
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  const answers = () => performance.now() - answeredAt <= LONGEST_SILENCE_MS;

  async function ask(): Promise<void> {
    try {
      await withinDeadline(ping(), PING_DEADLINE_MS, () => new StoreSilentError(PING_DEADLINE_MS));
      if (!answers()) since = performance.now();
      answeredAt = performance.now();
    } catch (thrown) {
      reason = asFleetError(thrown).message;
    }
    if (!isClosed) timer = setTimeout(() => void ask(), PING_EVERY_MS).unref();
  }
  void ask();

  return {
    name,
    look() {
      const ok = answers();
      return { ok, found: ok ? 'answers' : `does not answer: ${reason}`, remedy };
    },
    get answersSince() {
      return answers() ? since : undefined;
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
