import { BACKFILL_RETRY, type ExecutionKind, type Range } from '@candlefleet/core';
import { createBatcher } from '../batch.js';
import type { Database } from '../connect.js';
import { DatabaseError } from '../errors.js';
import { numbers, parseRanges, uuids } from '../literals.js';

/** What a tail needs so that the claim can write its row. */
export interface TailClaim {
  readonly seriesId: number;
  readonly slotMs: number;
  /** The newest closed candles, to the end of the last one. */
  readonly range: Range;
  /** From here on candles are read again: the revision window. */
  readonly rereadFromMs: number;
}

export interface Claim {
  readonly executionId: string;
  readonly tail?: TailClaim | undefined;
}

export interface ClaimedExecution {
  readonly outcome: 'claimed';
  readonly executionId: string;
  readonly seriesId: number;
  readonly fence: number;
  readonly kind: ExecutionKind;
  readonly range: Range;
  /** What is left to fetch: missing, or to be read again. */
  readonly todo: Range[];
  readonly tries: number;
  readonly origin: string | null;
}

/** The answers of the protocol. */
export type ClaimAnswer =
  | ClaimedExecution
  | { readonly outcome: 'held' | 'not_yet' | 'no_lease'; readonly waitMs: number }
  | { readonly outcome: 'nothing_missing' | 'completed' | 'cancelled' | 'gone' | 'failed' };

interface Row {
  execution_id: string;
  outcome: string;
  wait_ms: number;
  fence: number | null;
  series_id: number | null;
  kind: ExecutionKind | null;
  range_from: number | null;
  range_to: number | null;
  todo: unknown;
  tries: number | null;
  origin: string | null;
}

// Exclusion violation, deadlock: somebody else holds the stretch.
const HELD_STATES = new Set(['23P01', '40P01']);

/** Claims for one worker (T2, T3), naturally batched. @throws DatabaseError, DatabaseSilentError: the outcome may be unknown */
export function createClaimer(db: Database, workerId: string): (claim: Claim) => Promise<ClaimAnswer> {
  return createBatcher((claims) => claimBatch(db, workerId, claims));
}

async function claimBatch(db: Database, workerId: string, claims: readonly Claim[]): Promise<ClaimAnswer[]> {
  const tails = claims.map((c) => c.tail);
  try {
    const rows = await db.run(
      'claim',
      (sql) => sql<Row[]>`
        select execution_id, outcome, wait_ms, fence::float8 as fence, series_id, kind, range_from, range_to, todo, tries, origin
        from claim_executions(${workerId}::uuid, ${uuids(claims.map((c) => c.executionId))}::uuid[],
          ${numbers(tails.map((t) => t?.seriesId))}::int[], ${numbers(tails.map((t) => t?.slotMs))}::float8[],
          ${numbers(tails.map((t) => t?.range.fromMs))}::float8[], ${numbers(tails.map((t) => t?.range.toMs))}::float8[],
          ${numbers(tails.map((t) => t?.rereadFromMs))}::float8[], ${BACKFILL_RETRY.maxTries})`,
    );
    // Two jobs of one execution may share a batch: each has a row, and the first of them is the one that took it.
    return claims.map((claim) => {
      const index = rows.findIndex((row) => row.execution_id === claim.executionId);
      return toAnswer(index === -1 ? undefined : rows.splice(index, 1)[0]);
    });
  } catch (thrown) {
    const isHeld = thrown instanceof DatabaseError && HELD_STATES.has(thrown.sqlState ?? '');
    if (isHeld && claims.length === 1) return [{ outcome: 'held', waitMs: 0 }];
    throw thrown;
  }
}

function toAnswer(row: Row | undefined): ClaimAnswer {
  switch (row?.outcome) {
    case 'claimed':
      return {
        outcome: 'claimed',
        executionId: row.execution_id,
        seriesId: Number(row.series_id),
        fence: Number(row.fence),
        kind: row.kind ?? 'history',
        range: { fromMs: Number(row.range_from), toMs: Number(row.range_to) },
        todo: parseRanges(row.todo),
        tries: Number(row.tries),
        origin: row.origin,
      };
    case 'held':
    case 'not_yet':
    case 'no_lease':
      return { outcome: row.outcome, waitMs: row.wait_ms };
    case 'nothing_missing':
    case 'completed':
    case 'cancelled':
    case 'gone':
    case 'failed':
      return { outcome: row.outcome };
    default:
      throw new DatabaseError('claim', new Error(`unknown answer ${String(row?.outcome)}`));
  }
}
