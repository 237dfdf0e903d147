import type { Candle, Range, Ranges, RejectedCandle } from '@candlefleet/core';
import type { Database } from '../connect.js';
import { multirange, numbers, parseRanges } from '../literals.js';

export interface Chunk {
  readonly executionId: string;
  readonly fence: number;
  /** Ascending, one per open time, inside the execution's range. */
  readonly candles: readonly Candle[];
  readonly rejected: readonly RejectedCandle[];
  /** What was asked and answered: it counts as read again. */
  readonly answered: Ranges;
  readonly proven: Ranges;
  readonly unconfirmed: Ranges;
  readonly unavailable: Ranges;
  readonly requests: number;
  readonly origin: string;
}

export interface StoredChunk {
  /** `completed`: the execution has ended with this chunk. */
  readonly outcome: 'stored' | 'completed';
  readonly inserted: number;
  readonly updated: number;
  readonly unchanged: number;
  /** What of the execution's range is left. */
  readonly todo: Range[];
}

/** `refused`: the fence is old, write nothing more. `origin`: the series keeps to another host. */
export type ChunkAnswer = StoredChunk | { readonly outcome: 'refused' } | { readonly outcome: 'origin' };

export interface ChunkRow {
  outcome: 'stored' | 'completed' | 'refused' | 'origin';
  inserted: number;
  updated: number;
  unchanged: number;
  todo: unknown;
}

/** T4, and T5 when it settles the whole range: one statement. @throws DatabaseError, DatabaseSilentError: the outcome may be unknown */
export async function storeChunk(db: Database, chunk: Chunk): Promise<ChunkAnswer> {
  const { candles } = chunk;
  const column = (pick: (candle: Candle) => number) => numbers(candles.map(pick));
  const [row] = await db.run(
    'store chunk',
    (sql) => sql<ChunkRow[]>`
      select outcome, inserted, updated, unchanged, todo from store_chunk(
        ${chunk.executionId}::uuid, ${chunk.fence}::bigint,
        ${column((c) => c.openMs)}::float8[], ${column((c) => c.open)}::float8[], ${column((c) => c.high)}::float8[],
        ${column((c) => c.low)}::float8[], ${column((c) => c.close)}::float8[], ${column((c) => c.volume)}::float8[],
        ${multirange(chunk.answered)}::tstzmultirange, ${multirange(chunk.proven)}::tstzmultirange,
        ${multirange(chunk.unconfirmed)}::tstzmultirange, ${multirange(chunk.unavailable)}::tstzmultirange,
        ${JSON.stringify(chunk.rejected.map(toRejected))}::text::jsonb, ${chunk.requests}, ${chunk.origin})`,
  );
  return row ? toChunkAnswer(row) : { outcome: 'refused' };
}

export function toChunkAnswer(row: ChunkRow): ChunkAnswer {
  const { outcome, inserted, updated, unchanged } = row;
  if (outcome === 'refused') return { outcome };
  if (outcome === 'origin') return { outcome };
  return { outcome, inserted, updated, unchanged, todo: parseRanges(row.todo) };
}

// JSON has no NaN: a number that is none is kept as its text.
export function toRejected({ candle, reason }: RejectedCandle) {
  const text = (n: number) => (Number.isFinite(n) ? n : String(n));
  return {
    openMs: Number.isFinite(candle.openMs) ? candle.openMs : null,
    reason,
    raw: {
      open: text(candle.open),
      high: text(candle.high),
      low: text(candle.low),
      close: text(candle.close),
      volume: text(candle.volume),
    },
  };
}
