import { createBatcher } from '../batch.js';
import type { Database } from '../connect.js';
import { DatabaseError } from '../errors.js';
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
  const storeSmall = createBatcher((chunks: readonly Chunk[]) => storeBatch(db, chunks));
  return (chunk) => (chunk.candles.length > SMALL_CANDLES ? storeChunk(db, chunk) : storeSmall(chunk));
}

interface Row extends ChunkRow {
  /** Which chunk of the batch, from 1. */
  readonly ordinal: number;
}

async function storeBatch(db: Database, chunks: readonly Chunk[]): Promise<ChunkAnswer[]> {
  const [only] = chunks;
  if (only && chunks.length === 1) return [await storeChunk(db, only)];
  const candles = chunks.flatMap((chunk) => chunk.candles);
  const column = (pick: (candle: Chunk['candles'][number]) => number) => numbers(candles.map(pick));
  const ranges = (pick: (chunk: Chunk) => Chunk['proven']) => texts(chunks.map((c) => multirange(pick(c))));
  const rows = await db.run(
    'store chunks',
    (sql) => sql<Row[]>`
      select ordinal, outcome, inserted, updated, unchanged, todo from store_chunks(
        ${uuids(chunks.map((c) => c.executionId))}::uuid[], ${numbers(chunks.map((c) => c.fence))}::bigint[],
        ${numbers(chunks.map((c) => c.candles.length))}::int[],
        ${column((c) => c.openMs)}::float8[], ${column((c) => c.open)}::float8[], ${column((c) => c.high)}::float8[],
        ${column((c) => c.low)}::float8[], ${column((c) => c.close)}::float8[], ${column((c) => c.volume)}::float8[],
        ${ranges((c) => c.answered)}::tstzmultirange[], ${ranges((c) => c.proven)}::tstzmultirange[],
        ${ranges((c) => c.unconfirmed)}::tstzmultirange[], ${ranges((c) => c.unavailable)}::tstzmultirange[],
        ${JSON.stringify(chunks.map((c) => c.rejected.map(toRejected)))}::text::jsonb,
        ${numbers(chunks.map((c) => c.requests))}::int[], ${texts(chunks.map((c) => c.origin))}::text[])`,
  );
  const byOrdinal = new Map(rows.map((row) => [row.ordinal, row]));
  return chunks.map((_, index) => {
    const row = byOrdinal.get(index + 1);
    if (!row) throw new DatabaseError('store chunks', new Error('a chunk has no answer'));
    return toChunkAnswer(row);
  });
}
