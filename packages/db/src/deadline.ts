import { withinDeadline } from '@candlefleet/core';
import { DatabaseSilentError } from './errors.js';

/** A wire that is cut never says so: every answer is awaited so long and no longer. @throws DatabaseSilentError */
export function withDeadline<T>(what: string, deadlineMs: number, answer: PromiseLike<T>): Promise<T> {
  return withinDeadline(answer, deadlineMs, () => new DatabaseSilentError(what, deadlineMs));
}
