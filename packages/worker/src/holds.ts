/** What this worker works on. Each hold counts by itself: two jobs may be of one execution. */
export interface Holds {
  /** Answers how the hold is ended; past the deadline it counts no more. */
  hold(executionId: string, deadlineMs: number): () => void;
  ids(): string[];
  /** An execution got on: it was claimed, stored a chunk, or ended. */
  step(executionId: string): void;
  /** The execution that has not got on for longest, and since when by performance.now(); also past its deadline. */
  quietest(): { executionId: string; since: number } | undefined;
}

interface Held {
  steppedAt: number;
  /** Until when each hold counts. */
  readonly holds: Set<{ until: number }>;
}

export function createHolds(): Holds {
  const held = new Map<string, Held>();
  return {
    hold(executionId, deadlineMs) {
      const now = performance.now();
      const one = { until: now + deadlineMs };
      const known = held.get(executionId);
      if (known) known.holds.add(one);
      else held.set(executionId, { steppedAt: now, holds: new Set([one]) });
      return () => {
        const { holds } = held.get(executionId) ?? {};
        holds?.delete(one);
        if (holds?.size === 0) held.delete(executionId);
      };
    },
    ids() {
      const now = performance.now();
      const counts = ({ holds }: Held) => [...holds].some(({ until }) => until >= now);
      return [...held].flatMap(([executionId, one]) => (counts(one) ? [executionId] : []));
    },
    step(executionId) {
      const known = held.get(executionId);
      if (known) known.steppedAt = performance.now();
    },
    quietest() {
      let quietest: { executionId: string; since: number } | undefined;
      for (const [executionId, { steppedAt: since }] of held)
        if (!quietest || since < quietest.since) quietest = { executionId, since };
      return quietest;
    },
  };
}
