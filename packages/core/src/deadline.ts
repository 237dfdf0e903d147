/** Waits for an answer so long and no longer: a wire that is cut never says so. @throws what `late` makes, after it */
export async function withinDeadline<T>(
  answer: PromiseLike<T>,
  deadlineMs: number,
  late: () => Error,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), deadlineMs);
  });
  try {
    return await Promise.race([answer, silence]);
  } finally {
    clearTimeout(timer);
  }
}
