import { v5, v7 } from 'uuid';

export const EXECUTION_KINDS = ['tail', 'history', 'manual', 'repair'] as const;
export type ExecutionKind = (typeof EXECUTION_KINDS)[number];

export const EXECUTION_STATUSES = ['pending', 'in_progress', 'completed', 'failed', 'cancelled'] as const;
export type ExecutionStatus = (typeof EXECUTION_STATUSES)[number];

// Any fixed UUID serves; this one was drawn once and must never change.
const TAIL_NAMESPACE = 'b7c1f0de-6a0a-4f0e-9f55-2f1c8f6f5d11';

/** The execution that serves a series' slot: the same for every delivery of the same scheduled instant. */
export function tailExecutionId(seriesId: number, slotMs: number): string {
  return v5(`${seriesId}:tail:${slotMs}`, TAIL_NAMESPACE);
}

/** A new execution's id; ids made later sort later. */
export function newExecutionId(): string {
  return v7();
}
