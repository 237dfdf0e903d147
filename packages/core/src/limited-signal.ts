/** A signal of one undertaking: aborted by the outer one, or after a time. */
export interface LimitedSignal {
  readonly signal: AbortSignal;
  readonly isTimedOut: boolean;
  /** Lets go of timer and listener once it is over. */
  dispose(): void;
}

/**
 * In place of AbortSignal.any and AbortSignal.timeout, which the garbage collector may take while somebody waits for them,
 * and which otherwise hold what hangs on them for as long as the outer signal lives.
 */
export function limitSignal(outer: AbortSignal, timeoutMs: number): LimitedSignal {
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
