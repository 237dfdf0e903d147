import { setFlagsFromString } from 'node:v8';

/** How much the heap may grow between two full collections. */
const GROWTH_PERCENT = 30;

/**
 * For a worker's own process. A page outlives a young collection while it is in flight; left to itself, V8 lets what was
 * promoted pile up for as long as the machine has memory (docs/performance.md). Unlike a limit on the heap, this stops
 * nothing that needs more.
 */
export function keepHeapSmall(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
}
