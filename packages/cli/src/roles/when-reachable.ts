import { setTimeout as sleep } from 'node:timers/promises';
import { FleetError } from '@candlefleet/core';
import type { Logger } from 'pino';

const RETRY_MS = 1_000;
const TELL_EVERY = 30;

/** Waits for a database that is not up yet; what waiting cannot help is thrown at once. */
export async function whenReachable<T>(work: () => Promise<T>, log: Logger, signal: AbortSignal): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (error instanceof FleetError && !error.retryable) throw error;
      if (tries % TELL_EVERY === 0) log.warn({ err: error }, 'Postgres is not there yet; waiting for it');
      await sleep(RETRY_MS, undefined, { signal });
    }
  }
}
