import type { Candle, Range, Ranges, RejectedCandle } from '@candlefleet/core';
import type { Database } from '../connect.js';
import { multirange, numbers, parseRanges, texts, uuids } from '../literals.js';

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

interface Row {
  /** Which chunk of the statement, from 1. */
  ordinal: number;
  outcome: 'stored' | 'completed' | 'origin';
  inserted: number;
  updated: number;
  unchanged: number;
  todo: unknown;
}

/** T4, and T5 when it settles the whole range: one statement. @throws DatabaseError, DatabaseSilentError: the outcome may be unknown */
export async function storeChunk(db: Database, chunk: Chunk): Promise<ChunkAnswer> {
  const [answer] = await storeChunks(db, [chunk]);
  return answer ?? { outcome: 'refused' };
}

/** The same for several at once: all take effect, but for those refused, or with an error none. Answers in their order. */
export async function storeChunks(db: Database, chunks: readonly Chunk[]): Promise<ChunkAnswer[]> {
  const candles = chunks.flatMap((chunk) => chunk.candles);
  const column = (pick: (candle: Candle) => number) => numbers(candles.map(pick));
  const ranges = (pick: (chunk: Chunk) => Ranges) => texts(chunks.map((c) => multirange(pick(c))));
  const rejected = chunks.some((c) => c.rejected.length > 0)
    ? JSON.stringify(chunks.map((c) => c.rejected.map(toRejected)))
    : null;
  let end = 0;
  const ends = chunks.map((c) => (end += c.candles.length));
  const rows = await db.run(
    'store chunks',
    (sql) => sql<Row[]>`
      select ordinal, outcome, inserted, updated, unchanged, todo from store_chunks(
        ${uuids(chunks.map((c) => c.executionId))}::uuid[], ${numbers(chunks.map((c) => c.fence))}::bigint[],
        ${numbers(ends)}::int[],
        ${column((c) => c.openMs)}::float8[], ${column((c) => c.open)}::float8[], ${column((c) => c.high)}::float8[],
        ${column((c) => c.low)}::float8[], ${column((c) => c.close)}::float8[], ${column((c) => c.volume)}::float8[],
        ${ranges((c) => c.answered)}::tstzmultirange[], ${ranges((c) => c.proven)}::tstzmultirange[],
        ${ranges((c) => c.unconfirmed)}::tstzmultirange[], ${ranges((c) => c.unavailable)}::tstzmultirange[],
        ${rejected}::text::jsonb, ${numbers(chunks.map((c) => c.requests))}::int[],
        ${texts(chunks.map((c) => c.origin))}::text[])`,
  );
  const byOrdinal = new Map(rows.map((row) => [row.ordinal, row]));
  return chunks.map((_, index) => toChunkAnswer(byOrdinal.get(index + 1)));
}

function toChunkAnswer(row: Row | undefined): ChunkAnswer {
  if (!row) return { outcome: 'refused' };
  const { outcome, inserted, updated, unchanged } = row;
  if (outcome === 'origin') return { outcome };
  return { outcome, inserted, updated, unchanged, todo: parseRanges(row.todo) };
}

// JSON has no NaN: a number that is none is kept as its text.
function toRejected({ candle, reason }: RejectedCandle) {
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
