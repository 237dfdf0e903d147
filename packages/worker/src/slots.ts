import type { ExecutionKind } from '@candlefleet/core';

/** Keeps one slot of a worker for tails: fresh candles never wait behind history. */
export interface SlotKeeper {
  /** Whether a job of this kind may start now. */
  take(kind: ExecutionKind): boolean;
  free(kind: ExecutionKind): void;
}

export function createSlotKeeper(concurrency: number): SlotKeeper {
  const mostOthers = Math.max(1, concurrency - 1);
  let others = 0;
  return {
    take(kind) {
      if (kind === 'tail') return true;
      if (others >= mostOthers) return false;
      others += 1;
      return true;
    },
    free(kind) {
      if (kind !== 'tail') others -= 1;
    },
  };
}
