import { newExecutionId, type Candle, type Ranges, type RejectedCandle } from '@candlefleet/core';
import { createTestDatabase } from '@candlefleet/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectDatabase, type Database } from '../src/connect.js';
import { createClaimer } from '../src/queries/claim-executions.js';
import { renewLease } from '../src/queries/keep-lease.js';
import { planExecutions } from '../src/queries/plan-executions.js';
import { storeChunk, type Chunk, type ChunkAnswer } from '../src/queries/store-chunk.js';
import { storeChunks } from '../src/queries/store-chunks.js';
import { trackSymbol } from '../src/queries/watchlist.js';
import { candles, MINUTE, range, START } from './fleet-fixture.js';

const MINUTES = 30;
const PROVIDER = 'test';
let database: Awaited<ReturnType<typeof createTestDatabase>>;
let db: Database;
let made = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  db = connectDatabase({ url: database.url, applicationName: 'test', poolSize: 2 });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

/** A chunk of one of the batch's series; `before` has come already, perhaps with other prices. */
interface Part {
  readonly series: number;
  readonly from: number;
  readonly length: number;
  readonly kind: 'whole' | 'empty' | 'holey' | 'rejected' | 'unreachable';
  readonly fence: 'right' | 'old';
  readonly origin: 'host' | 'other';
}

const part: fc.Arbitrary<Part> = fc.record({
  series: fc.integer({ min: 0, max: 3 }),
  from: fc.integer({ min: 0, max: MINUTES - 10 }),
  length: fc.integer({ min: 1, max: 10 }),
  kind: fc.constantFrom('whole', 'whole', 'empty', 'holey', 'rejected', 'unreachable'),
  fence: fc.constantFrom('right', 'right', 'right', 'old'),
  origin: fc.constantFrom('host', 'host', 'host', 'host', 'other'),
});
/** Two batches, one after the other: the second meets what the first stored, with other prices now and then. */
const batches = fc.tuple(
  fc.array(part, { minLength: 1, maxLength: 8 }),
  fc.array(part, { minLength: 1, maxLength: 8 }),
);

test('a batch of chunks has the answers and leaves the rows that its chunks have and leave alone', async () => {
  await fc.assert(
    fc.asyncProperty(batches, async (both) => {
      const together = await run(both, (chunks) => storeChunks(db, chunks));
      const alone = await run(both, async (chunks) => {
        const answers: ChunkAnswer[] = [];
        for (const chunk of chunks) answers.push(await storeChunk(db, chunk));
        return answers;
      });
      expect(together).toEqual(alone);
    }),
    { numRuns: 40 },
  );
});

/** Stores the batches in fresh series, an execution over all of each; answers what was told and what is there then. */
async function run(
  both: readonly (readonly Part[])[],
  store: (chunks: readonly Chunk[]) => Promise<ChunkAnswer[]>,
) {
  const executions = await fourExecutions();
  const answers: ChunkAnswer[] = [];
  for (const [nth, parts] of both.entries()) {
    // One statement takes a series' chunks in the order given.
    const chunks = parts.map((one) => chunkOf(one, executions[one.series], nth));
    answers.push(...(await store(chunks)));
  }
  return { answers, rows: await rowsOf(executions.map((one) => one.seriesId)) };
}

async function fourExecutions() {
  const workerId = newExecutionId();
  await renewLease(db, {
    workerId,
    host: 'h',
    pid: 1,
    version: '0',
    leaseMs: 600_000,
    held: [],
    queues: [],
    load: {},
  });
  const claim = createClaimer(db, workerId);
  const executions = [];
  for (let n = 0; n < 4; n += 1) {
    const symbol = `S${(made += 1)}/B`;
    const history = { historyFromMs: START, historyToMs: START + MINUTES * MINUTE };
    const more = { assetClass: 'crypto', calendar: '24x7', timeframes: ['1m'], ...history } as const;
    await trackSymbol(db, { provider: PROVIDER, symbol, ...more }, 'test');
    const [row] = await db.sql<{ id: number }[]>`select series_id as id from series where symbol = ${symbol}`;
    const seriesId = row?.id ?? 0;
    const [executionId = ''] = await planExecutions(db, {
      seriesId,
      kind: 'history',
      slices: [range(0, MINUTES)],
    });
    const answer = await claim({ executionId });
    if (answer.outcome !== 'claimed') throw new Error(`the claim answered ${answer.outcome}`);
    executions.push({ executionId, seriesId, fence: answer.fence });
  }
  return executions;
}

function chunkOf(
  { from, length, kind, fence, origin }: Part,
  execution: { executionId: string; fence: number } | undefined,
  nth: number,
): Chunk {
  if (!execution) throw new Error('a part of no series');
  const asked: Ranges = [range(from, from + length)];
  const middle = from + Math.floor(length / 2);
  const doubt: Ranges = kind === 'holey' ? [range(middle, middle + 1)] : [];
  const proven = asked.filter(() => kind === 'whole' || kind === 'rejected');
  const all = candles(from, from + length, (minute) => 100 + minute + (minute % 3 === 0 ? nth : 0));
  const isThere = (one: Candle) => one.openMs !== START + middle * MINUTE;
  return {
    executionId: execution.executionId,
    fence: execution.fence - (fence === 'old' ? 1 : 0),
    candles: kind === 'whole' ? all : kind === 'empty' || kind === 'unreachable' ? [] : all.filter(isThere),
    rejected: kind === 'rejected' ? all.filter((one) => !isThere(one)).map(asRejected) : [],
    answered: asked,
    proven: kind === 'holey' ? halves(from, middle, length) : proven,
    unconfirmed: kind === 'empty' ? asked : doubt,
    unavailable: kind === 'unreachable' ? asked : [],
    requests: 1,
    origin,
  };
}

function halves(from: number, middle: number, length: number): Ranges {
  return [range(from, middle), range(middle + 1, from + length)].filter((one) => one.fromMs < one.toMs);
}

function asRejected(candle: Candle): RejectedCandle {
  return { candle: { ...candle, low: Number.NaN }, reason: 'not_finite' };
}

/** What is stored of each series, but for ids and clocks. */
async function rowsOf(seriesIds: readonly number[]) {
  const rows = [];
  for (const id of seriesIds) {
    const [row] = await db.sql`select
      (select json_agg(row_to_json(m)::jsonb - 'series_id' - 'created_at' order by m.time) from market_data m where m.series_id = ${id}) as candles,
      (select json_agg(json_build_array(r.time, r.old_close, r.new_close) order by r.revision_id) from candle_revisions r
        where r.series_id = ${id}) as revisions,
      (select json_agg(json_build_array(r.time, r.raw, r.reason) order by r.time) from rejected_candles r
        where r.series_id = ${id}) as rejected,
      (select json_agg(json_build_array(u.range, u.asks) order by u.range) from unconfirmed_ranges u
        where u.series_id = ${id}) as doubts,
      (select origin from series s where s.series_id = ${id}) as origin,
      (select json_build_array(c.covered, c.unconfirmed, c.unavailable, c.last_candle, c.candle_count)
        from series_coverage c where c.series_id = ${id}) as coverage,
      (select json_build_array(e.status, e.outcome, e.worker_id is null, e.completed_at is null, e.reread, e.requests,
        e.records_inserted, e.records_updated, e.records_rejected) from backfill_state_persistent e
        where e.series_id = ${id}) as execution`;
    rows.push(row);
  }
  return rows;
}
