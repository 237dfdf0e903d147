import { setTimeout as sleep } from 'node:timers/promises';
import type { Candle, Range } from '@candlefleet/core';
import { connectDatabase, createClaimer, planExecutions, storeChunk, type Database } from '@candlefleet/db';
import { SIMULATED_LISTING_MS } from '@candlefleet/providers';
import { compare, type Contender } from '../measure/compare.js';
import type { Report } from '../measure/report.js';
import { createCopyBaseline } from '../setting/copy-baseline.js';
import { simulateMinutes } from '../setting/kept-market.js';
import { postgresCpuMs } from '../setting/cpu-time.js';
import type { Setting } from '../setting/setting.js';
import { openWarehouse, PROVIDER, type Warehouse } from '../setting/warehouse.js';

const CHUNK = 1_000;
const SERIES = 4;
const CANDLES_PER_SERIES = 50_000;
const CANDLES = SERIES * CANDLES_PER_SERIES;
const MINUTE_MS = 60_000;
const SESSION_END_MS = 200;
const FROM_MS = SIMULATED_LISTING_MS;
const RANGE: Range = { fromMs: FROM_MS, toMs: FROM_MS + CANDLES_PER_SERIES * MINUTE_MS };

/** The chunk function, 1,000 candles a chunk through claimed executions, against one COPY of the same rows. */
export async function benchChunk(setting: Setting): Promise<Report[]> {
  const symbols = Array.from({ length: SERIES }, (_, n) => `B${n}/USDT`);
  const candles = simulateMinutes(CANDLES);
  const warehouse = await openWarehouse();
  const seriesIds = await warehouse.track({ symbols, timeframe: '1m', range: RANGE });
  const copy = createCopyBaseline(warehouse.url, 1_000_000, candles);
  const connections = Array.from({ length: SERIES }, (_, n) =>
    connectDatabase({ url: warehouse.url, applicationName: `bench ${n}`, poolSize: 1 }),
  );
  const [first] = connections as [Database, ...Database[]];
  const page = candles.slice(0, CANDLES_PER_SERIES);
  const costs: Cost[] = [];
  const contender = (name: string, measure: () => Promise<number>, atLeast?: number): Contender => {
    const cost: Cost = { name, rows: 0, clientMs: 0, postgresMs: 0 };
    costs.push(cost);
    const budget = atLeast === undefined ? undefined : { atLeast };
    return { name, budget, run: () => withCost(warehouse, cost, measure) };
  };
  const store = (name: string, lanes: readonly Database[], atLeast?: number): Contender =>
    contender(name, () => storeAll({ warehouse, seriesIds, lanes, candles: page }), atLeast);
  try {
    const { baseline, candidates } = await compare({
      ...setting,
      baseline: contender(copy.name, () => copy.copyMs()),
      candidates: [
        store('one connection, one execution at a time', [first]),
        // As in a worker, whose slots outnumber its connections.
        store('one connection, two executions at a time', [first, first], 0.7),
        store('four connections, an execution each', connections, 0.85),
      ],
    });
    return [
      {
        benchmark: 'chunk',
        title: 'chunks of 1,000 into an empty range',
        unit: 'rows/s',
        lines: [baseline, ...candidates],
        notes: costs.map(costText),
      },
    ];
  } finally {
    copy.close();
    await Promise.all(connections.map((one) => one.close()));
    await warehouse.close();
  }
}

interface Cost {
  readonly name: string;
  rows: number;
  clientMs: number;
  postgresMs: number;
}

/** Runs what answers its milliseconds; answers rows a second, and notes what CPU they took. */
async function withCost(warehouse: Warehouse, cost: Cost, measure: () => Promise<number>): Promise<number> {
  await warehouse.empty();
  const client = process.cpuUsage();
  const postgresMs = await postgresCpuMs(warehouse.db);
  const ms = await measure();
  const used = process.cpuUsage(client);
  // psql's session has ended by then: what it used is told once the server has seen that.
  await sleep(SESSION_END_MS);
  cost.rows += CANDLES;
  cost.clientMs += (used.user + used.system) / 1_000;
  cost.postgresMs += (await postgresCpuMs(warehouse.db)) - postgresMs;
  await expectStored(warehouse, CANDLES);
  return (CANDLES / ms) * 1_000;
}

function costText({ name, rows, clientMs, postgresMs }: Cost): string {
  const perChunk = (ms: number) => `${((ms * CHUNK) / rows).toFixed(1)} ms`;
  return `CPU for 1,000 rows, ${name}: Postgres ${perChunk(postgresMs)}, the client's process ${perChunk(clientMs)}`;
}

interface Work {
  readonly warehouse: Warehouse;
  readonly seriesIds: readonly number[];
  /** A connection for each execution under way; the series are shared out among them. */
  readonly lanes: readonly Database[];
  readonly candles: readonly Candle[];
}

/** Answers milliseconds. */
async function storeAll(work: Work): Promise<number> {
  const { warehouse, seriesIds, lanes } = work;
  const claim = createClaimer(warehouse.db, await warehouse.lease());
  const claimed: { executionId: string; fence: number }[] = [];
  for (const seriesId of seriesIds) {
    const [executionId = ''] = await planExecutions(warehouse.db, {
      seriesId,
      kind: 'history',
      slices: [RANGE],
    });
    const answer = await claim({ executionId });
    if (answer.outcome !== 'claimed') throw new Error(`the claim answered ${answer.outcome}`);
    claimed.push({ executionId, fence: answer.fence });
  }
  await Promise.all(lanes.map((db) => db.clockMs()));
  const rest = claimed.values();
  const startedAt = performance.now();
  await Promise.all(
    lanes.map(async (db) => {
      for (const execution of rest) await storeSeries(db, execution, work.candles);
    }),
  );
  return performance.now() - startedAt;
}

async function storeSeries(
  db: Database,
  execution: { executionId: string; fence: number },
  candles: readonly Candle[],
): Promise<void> {
  for (let start = 0; start < candles.length; start += CHUNK) {
    const chunk = candles.slice(start, start + CHUNK);
    const fromMs = FROM_MS + start * MINUTE_MS;
    const asked = [{ fromMs, toMs: fromMs + CHUNK * MINUTE_MS }];
    const answer = await storeChunk(db, {
      ...execution,
      candles: chunk,
      rejected: [],
      answered: asked,
      proven: asked,
      unconfirmed: [],
      unavailable: [],
      requests: 1,
      origin: PROVIDER,
    });
    if (answer.outcome === 'refused' || answer.outcome === 'origin')
      throw new Error(`the chunk was ${answer.outcome}`);
  }
}

async function expectStored(warehouse: Warehouse, count: number): Promise<void> {
  const [row] = await warehouse.db.sql<{ stored: number; open: number }[]>`
    select (select count(*)::int from market_data) as stored,
      (select count(*)::int from backfill_state_persistent where status <> 'completed') as open`;
  if (row?.stored !== count || row.open > 0)
    throw new Error(`stored ${row?.stored} of ${count} candles; ${row?.open} executions are not completed`);
}
