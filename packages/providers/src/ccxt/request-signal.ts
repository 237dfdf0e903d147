/** A signal of one request: aborted by the caller's, or after a time. */
export interface RequestSignal {
  readonly signal: AbortSignal;
  readonly isTimedOut: boolean;
  /** Lets go of timer and listener once the request is over. */
  dispose(): void;
}

/**
 * In place of AbortSignal.any and AbortSignal.timeout: a timeout that lasts longer than its request, and an outer signal
 * that lasts longer than both, would hold every answer of the last seconds in memory.
 */
export function createRequestSignal(outer: AbortSignal, timeoutMs: number): RequestSignal {
  const controller = new AbortController();
  let isTimedOut = false;
  const stop = () => controller.abort(outer.reason);
  const timer = setTimeout(() => {
    isTimedOut = true;
    controller.abort(new Error('timed out'));
  }, timeoutMs);
  if (outer.aborted) stop();
  else outer.addEventListener('abort', stop, { once: true });
  return {
    signal: controller.signal,
    get isTimedOut() {
      return isTimedOut;
    },
    dispose() {
      clearTimeout(timer);
      outer.removeEventListener('abort', stop);
    },
  };
}
