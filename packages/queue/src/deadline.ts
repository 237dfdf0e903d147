import { QueueSilentError } from './errors.js';

/** A store that is cut off never answers: every call has an end. @throws QueueSilentError */
export async function withDeadline<T>(what: string, deadlineMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new QueueSilentError(what, deadlineMs)), deadlineMs);
  });
  try {
    return await Promise.race([work, silence]);
  } finally {
    clearTimeout(timer);
  }
}
