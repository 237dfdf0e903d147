/** What this worker works on. Each hold counts by itself: two jobs may be of one execution. */
export interface Holds {
  /** Answers how the hold is ended; past the deadline it counts no more. */
  hold(executionId: string, deadlineMs: number): () => void;
  ids(): string[];
}

export function createHolds(): Holds {
  const holds = new Set<{ executionId: string; until: number }>();
  return {
    hold(executionId, deadlineMs) {
      const one = { executionId, until: performance.now() + deadlineMs };
      holds.add(one);
      return () => void holds.delete(one);
    },
    ids() {
      const now = performance.now();
      for (const one of holds) if (one.until < now) holds.delete(one);
      return [...new Set([...holds].map(({ executionId }) => executionId))];
    },
  };
}
