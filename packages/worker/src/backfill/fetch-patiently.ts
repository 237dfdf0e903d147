import { setTimeout as sleep } from 'node:timers/promises';
import {
  backoffMs,
  FleetError,
  type CandlePage,
  type CandleSource,
  type FetchRequest,
  type RetryPolicy,
} from '@candlefleet/core';

/** Asked again after about a half, one and two seconds: most bad answers are followed by a good one. */
const PAGE_RETRY: RetryPolicy = { maxTries: 4, firstDelayMs: 500, maxDelayMs: 5_000 };

export interface Patience {
  /** Hears of each failure after which the page is asked for again. */
  readonly onAgain: (error: FleetError) => void;
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/**
 * The pages of a range. One that fails is asked for again within the attempt, a few times, where a retry can help and
 * the error names no time for it: else an execution of many pages uses up its tries although it gets on.
 * @throws what the page's last try threw
 */
export async function* fetchPatiently(
  source: CandleSource,
  request: FetchRequest,
  { onAgain, pause = (ms, signal) => sleep(ms, undefined, { signal }) }: Patience,
): AsyncGenerator<CandlePage> {
  let { fromMs } = request;
  for (let failures = 0; fromMs < request.toMs;) {
    try {
      for await (const page of source.fetchCandles({ ...request, fromMs })) {
        failures = 0;
        fromMs = page.asked.toMs;
        yield page;
      }
      return;
    } catch (thrown) {
      failures += 1;
      if (!mayHelp(thrown, request.signal) || failures >= PAGE_RETRY.maxTries) throw thrown;
      onAgain(thrown);
      await pause(backoffMs(failures, PAGE_RETRY), request.signal);
    }
  }
}

function mayHelp(thrown: unknown, signal: AbortSignal): thrown is FleetError {
  return (
    thrown instanceof FleetError && thrown.retryable && thrown.retryAfterMs === undefined && !signal.aborted
  );
}
