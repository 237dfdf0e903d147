import type { Candle, Ranges } from '@candlefleet/core';
import { createBatcher } from '../batch.js';
import type { Database } from '../connect.js';
import { multirange, numbers, texts, uuids } from '../literals.js';
import {
  storeChunk,
  toChunkAnswer,
  toRejected,
  type Chunk,
  type ChunkAnswer,
  type ChunkRow,
} from './store-chunk.js';

/** A tail's chunks are this small: several go into one statement. A larger one is a statement's worth by itself. */
const SMALL_CANDLES = 100;

/** T4 and T5, small chunks naturally batched. @throws DatabaseError, DatabaseSilentError: the outcome may be unknown */
export function createChunkStore(db: Database): (chunk: Chunk) => Promise<ChunkAnswer> {
  const storeSmall = createBatcher((chunks: readonly Chunk[]) => storeChunks(db, chunks));
  return (chunk) => (chunk.candles.length > SMALL_CANDLES ? storeChunk(db, chunk) : storeSmall(chunk));
}

interface Row extends ChunkRow {
  /** Which chunk of the batch, from 1; those refused have no row. */
  readonly ordinal: number;
}

/** Several at once: all take effect, but for those refused, or with an error none. Answers in their order. */
export async function storeChunks(db: Database, chunks: readonly Chunk[]): Promise<ChunkAnswer[]> {
  const [only] = chunks;
  if (only && chunks.length === 1) return [await storeChunk(db, only)];
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
  return chunks.map((_, index) => {
    const row = byOrdinal.get(index + 1);
    return row ? toChunkAnswer(row) : { outcome: 'refused' };
  });
}
