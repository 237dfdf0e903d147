import { withinDeadline } from '@candlefleet/core';
import { QueueSilentError } from './errors.js';

/** A store that is cut off never answers: every call has an end. @throws QueueSilentError */
export function withDeadline<T>(what: string, deadlineMs: number, work: Promise<T>): Promise<T> {
  return withinDeadline(work, deadlineMs, () => new QueueSilentError(what, deadlineMs));
}
