import { FleetError } from '@candlefleet/core';

/** A person does not want it any more: no fault, and whoever asked for it answers 0. */
class StopAskedError extends FleetError {
  constructor() {
    super({ code: 'stop_asked', message: 'Stopped on request.', retryable: false });
  }
}

/** Aborted at the first Ctrl-C, SIGTERM, or end of the terminal. */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => controller.abort(new StopAskedError()));
  return controller.signal;
}

export function whenStopped(stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (stop.aborted) resolve();
    else stop.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** The work's answer; rejects as soon as a stop is asked for, whatever the work still does. */
export async function unlessStopped<T>(stop: AbortSignal, work: Promise<T>): Promise<T> {
  // Nobody listens to it any more once the stop has won.
  work.catch(() => {});
  const stopped = whenStopped(stop).then((): never => {
    throw stop.reason;
  });
  return Promise.race([work, stopped]);
}
