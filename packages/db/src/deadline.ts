import { DatabaseSilentError } from './errors.js';

/** A wire that is cut never says so: every answer is awaited so long and no longer. @throws DatabaseSilentError */
export async function withDeadline<T>(what: string, deadlineMs: number, answer: PromiseLike<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DatabaseSilentError(what, deadlineMs)), deadlineMs);
  });
  try {
    return await Promise.race([answer, silence]);
  } finally {
    clearTimeout(timer);
  }
}
