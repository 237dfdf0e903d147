import { newExecutionId, type Candle, type Range } from '@candlefleet/core';
import { createTestDatabase } from '@candlefleet/testing';
import { connectDatabase, type Database } from '../src/connect.js';
import {
  createClaimer,
  type ClaimAnswer,
  type ClaimedExecution,
  type TailClaim,
} from '../src/queries/claim-executions.js';
import { createFinisher, type Finish } from '../src/queries/finish-executions.js';
import { renewLease } from '../src/queries/keep-lease.js';
import { planExecutions } from '../src/queries/plan-executions.js';
import { storeChunk, type Chunk, type ChunkAnswer } from '../src/queries/store-chunk.js';
import { trackSymbol } from '../src/queries/watchlist.js';

export const MINUTE = 60_000;
/** Minute 0 of the fixture's series. */
export const START = Date.UTC(2024, 0, 1);
export const SYMBOL = { provider: 'test', symbol: 'A/B' };

export interface ExecutionState {
  readonly id: string;
  readonly status: string;
  readonly fence: number;
  readonly tries: number;
  readonly crashes: number;
  readonly retryCount: number;
  readonly outcome: string | null;
  readonly reason: string | null;
  readonly errorCode: string | null;
}

/** One series of a hundred minutes, and workers by hand: every statement of the protocol at a test's fingertips. */
export async function createFleetFixture(minutes = 100) {
  const database = await createTestDatabase();
  const db = connectDatabase({ url: database.url, applicationName: 'test', poolSize: 8 });
  const track = () =>
    trackSymbol(
      db,
      {
        ...SYMBOL,
        assetClass: 'crypto',
        calendar: '24x7',
        timeframes: ['1m'],
        historyFromMs: START,
        historyToMs: START + minutes * MINUTE,
      },
      'test',
    );
  await track();
  const [series] = await db.sql<{ id: number }[]>`select series_id as id from series`;
  const seriesId = series?.id ?? 0;
  const claimers = new Map<string, ReturnType<typeof createClaimer>>();
  const claimFor = (workerId: string) => {
    const claimer = claimers.get(workerId) ?? createClaimer(db, workerId);
    claimers.set(workerId, claimer);
    return claimer;
  };
  const finishOne = createFinisher(db);

  return {
    db,
    track,
    seriesId,
    range,
    async close() {
      await db.close();
      await database.drop();
    },
    /** A worker with a living lease. */
    async worker(leaseMs = 60_000): Promise<string> {
      const workerId = newExecutionId();
      await this.renew(workerId, [], leaseMs);
      return workerId;
    },
    renew: (workerId: string, held: readonly string[], leaseMs = 60_000) =>
      renewLease(db, { workerId, host: 'h', pid: 1, version: '0', leaseMs, held, queues: [], load: {} }),
    /** Its lease ran out long ago. */
    async expire(workerId: string) {
      await db.sql`update workers set lease_until = clock_timestamp() - interval '1 minute' where worker_id = ${workerId}`;
    },
    plan: (from: number, to: number, kind: 'history' | 'manual' = 'history') =>
      planExecutions(db, { seriesId, kind, slices: [range(from, to)] }),
    async planned(from: number, to: number): Promise<string> {
      const [id] = await this.plan(from, to);
      if (!id) throw new Error('nothing was planned');
      return id;
    },
    claim: (workerId: string, executionId: string, tail?: TailClaim): Promise<ClaimAnswer> =>
      claimFor(workerId)({ executionId, tail }),
    async claimed(workerId: string, executionId: string, tail?: TailClaim): Promise<ClaimedExecution> {
      const answer = await claimFor(workerId)({ executionId, tail });
      if (answer.outcome !== 'claimed') throw new Error(`the claim answered ${answer.outcome}`);
      return answer;
    },
    tail: (from: number, to: number, slot: number): TailClaim => ({
      seriesId,
      slotMs: START + slot * MINUTE,
      range: range(from, to),
      rereadFromMs: START + Math.max(from, to - 3) * MINUTE,
    }),
    chunk: (
      held: { executionId: string; fence: number },
      from: number,
      to: number,
      more: Partial<Chunk> = {},
    ): Promise<ChunkAnswer> => storeChunk(db, { ...chunkOf(held, from, to), ...more }),
    finish: (
      held: { executionId: string; fence: number },
      ending: Finish['ending'],
      more: Partial<Finish> = {},
    ) =>
      finishOne({
        executionId: held.executionId,
        fence: held.fence,
        ending,
        code: 'a_code',
        message: 'a message',
        ...more,
      }),
    async state(executionId: string): Promise<ExecutionState> {
      const row = (await states(db)).get(executionId);
      if (!row) throw new Error(`there is no execution ${executionId}`);
      return row;
    },
    states: () => states(db),
    async attempts(executionId: string): Promise<string[]> {
      const rows = await db.sql<{ outcome: string }[]>`
        select outcome from execution_attempts where execution_id = ${executionId} order by fence`;
      return rows.map((row) => row.outcome);
    },
    /** Covered minutes, ascending. */
    async covered(): Promise<number[]> {
      const rows = await db.sql<{ from: number; to: number }[]>`
        select to_ms(lower(r)) as "from", to_ms(upper(r)) as "to" from series_coverage, unnest(covered) r order by 1`;
      return rows.flatMap((row) => minutesOf(row.from, row.to));
    },
    /** Stored minutes with their closes, ascending. */
    async stored(): Promise<[minute: number, close: number][]> {
      const rows = await db.sql<
        { at: number; close: number }[]
      >`select to_ms(time) as at, close from market_data order by time`;
      return rows.map((row) => [(row.at - START) / MINUTE, row.close]);
    },
  };
}

export type FleetFixture = Awaited<ReturnType<typeof createFleetFixture>>;

export function range(from: number, to: number): Range {
  return { fromMs: START + from * MINUTE, toMs: START + to * MINUTE };
}

/** A chunk of these minutes, all of them there. */
export function chunkOf(
  { executionId, fence }: { executionId: string; fence: number },
  from: number,
  to: number,
): Chunk {
  return {
    executionId,
    fence,
    candles: candles(from, to),
    rejected: [],
    answered: [range(from, to)],
    proven: [range(from, to)],
    unconfirmed: [],
    unavailable: [],
    requests: 1,
    origin: 'host',
  };
}

export function candles(from: number, to: number, close = (minute: number) => 100 + minute): Candle[] {
  return minutesOf(START + from * MINUTE, START + to * MINUTE).map((minute) => ({
    openMs: START + minute * MINUTE,
    open: 100,
    high: 10_000,
    low: 1,
    close: close(minute),
    volume: 0.1,
  }));
}

function minutesOf(fromMs: number, toMs: number): number[] {
  const minutes: number[] = [];
  for (let at = fromMs; at < toMs; at += MINUTE) minutes.push((at - START) / MINUTE);
  return minutes;
}

async function states(db: Database): Promise<Map<string, ExecutionState>> {
  const rows = await db.sql<ExecutionState[]>`
    select execution_id::text as id, status, fence::float8 as fence, tries, crashes, retry_count as "retryCount", outcome,
      pending_reason as reason, error_code as "errorCode" from backfill_state_persistent`;
  return new Map(rows.map((row) => [row.id, row]));
}
