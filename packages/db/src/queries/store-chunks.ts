import { createBatcher } from '../batch.js';
import type { Database } from '../connect.js';
import { storeChunk, storeChunks, type Chunk, type ChunkAnswer } from './store-chunk.js';

/** A tail's chunks are this small: several go into one statement. A larger one is a statement's worth by itself. */
const SMALL_CANDLES = 100;

/** T4 and T5, small chunks naturally batched. @throws DatabaseError, DatabaseSilentError: the outcome may be unknown */
export function createChunkStore(db: Database): (chunk: Chunk) => Promise<ChunkAnswer> {
  const storeSmall = createBatcher((chunks: readonly Chunk[]) => storeChunks(db, chunks));
  return (chunk) => (chunk.candles.length > SMALL_CANDLES ? storeChunk(db, chunk) : storeSmall(chunk));
}
