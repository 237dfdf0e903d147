import { setTimeout as sleep } from 'node:timers/promises';
import type { Candle } from '@candlefleet/core';
import { connectDatabase, type Database } from '@candlefleet/db';
import { compare, type Contender } from '../measure/compare.js';
import type { Report } from '../measure/report.js';
import { FROM_MS, storeAll } from '../setting/chunk-writer.js';
import { createCopyBaseline } from '../setting/copy-baseline.js';
import { postgresCpuMs } from '../setting/cpu-time.js';
import { simulateMinutes } from '../setting/kept-market.js';
import type { Setting } from '../setting/setting.js';
import { openWarehouse, type Warehouse } from '../setting/warehouse.js';

const SERIES = 4;
const CANDLES_PER_SERIES = 50_000;
const CANDLES = SERIES * CANDLES_PER_SERIES;
const MINUTE_MS = 60_000;
const SESSION_END_MS = 200;
/** What `--large` puts into the table first: it stays, in series of its own. */
const LARGE_ROWS = 10_000_000;
const LARGE_SERIES_ID = 2_000_000;

/** The chunk function through claimed executions, against one COPY of the same rows. */
export async function benchChunk(setting: Setting): Promise<Report[]> {
  const bench = await openBench(setting.tell);
  try {
    const reports = [await intoEmpty(setting, bench), await merges(setting, bench)];
    if (setting.isLarge) {
      setting.tell(`filling the table with ${LARGE_ROWS.toLocaleString('en-US')} rows`);
      await bench.fill(LARGE_ROWS);
      reports.push(await intoEmpty(setting, bench));
    }
    return reports;
  } finally {
    await bench.close();
  }
}

type Bench = Awaited<ReturnType<typeof openBench>>;

async function openBench(tell: (line: string) => void) {
  const candles = simulateMinutes(CANDLES);
  const warehouse = await openWarehouse();
  const seriesIds = await warehouse.track({
    symbols: Array.from({ length: SERIES }, (_, n) => `B${n}/USDT`),
    timeframe: '1m',
    range: { fromMs: FROM_MS, toMs: FROM_MS + CANDLES_PER_SERIES * MINUTE_MS },
  });
  const copy = createCopyBaseline(warehouse.url, 1_000_000, candles);
  const connections = Array.from({ length: SERIES }, (_, n) =>
    connectDatabase({ url: warehouse.url, applicationName: `bench ${n}`, poolSize: 1 }),
  );
  const [first] = connections as [Database, ...Database[]];
  let kept = 0;
  return {
    warehouse,
    copy,
    connections,
    first,
    candles: candles.slice(0, CANDLES_PER_SERIES),
    /** Rows that are in the table all the time. */
    get kept() {
      return kept;
    },
    async fill(rows: number) {
      await fillTable(warehouse, rows, tell);
      kept = rows;
    },
    /** Nothing but the rows that are kept. */
    async empty() {
      if (kept === 0) return warehouse.empty();
      await warehouse.db.sql`delete from market_data where series_id < ${LARGE_SERIES_ID}`;
      await warehouse.forget();
    },
    store: (lanes: readonly Database[], size: number, of = candles.slice(0, CANDLES_PER_SERIES)) =>
      storeAll({ warehouse, seriesIds, lanes, size, candles: of }),
    async close() {
      copy.close();
      await Promise.all(connections.map((one) => one.close()));
      await warehouse.close();
    },
  };
}

/** Copies of one another, a hundred series of them, in the server. */
async function fillTable({ db }: Warehouse, rows: number, tell: (line: string) => void): Promise<void> {
  const steps = 100;
  for (let step = 0; step < steps; step += 1) {
    await db.sql`
      insert into market_data (series_id, time, open, high, low, close, volume)
      select ${LARGE_SERIES_ID + step}, to_timestamp(${FROM_MS / 1_000}::float8 + n * 60), 100 + n, 101 + n, 99 + n, 100 + n, n
      from generate_series(1, ${rows / steps}::int) n`;
    if ((step + 1) % 20 === 0) tell(`${step + 1} of ${steps} series`);
  }
  await db.sql`vacuum analyze market_data`;
}

async function intoEmpty(setting: Setting, bench: Bench): Promise<Report> {
  const { first, connections } = bench;
  const costs: Cost[] = [];
  const store = (name: string, lanes: readonly Database[], size: number, atLeast?: number) =>
    contender(bench, costs, name, () => bench.store(lanes, size), atLeast);
  const { baseline, candidates } = await compare({
    ...setting,
    baseline: contender(bench, costs, bench.copy.name, () => bench.copy.copyMs()),
    candidates: [
      store('1,000 a chunk, one connection', [first], 1_000),
      // As in a worker, whose slots outnumber its connections.
      store('1,000 a chunk, one connection, two executions', [first, first], 1_000, 0.7),
      store('1,000 a chunk, four connections', connections, 1_000, 0.85),
      store('100 a chunk, one connection, two executions', [first, first], 100),
      store('10,000 a chunk, one connection, two executions', [first, first], 10_000),
    ],
  });
  const where = bench.kept ? `a table of ${bench.kept.toLocaleString('en-US')} rows` : 'an empty table';
  return {
    benchmark: 'chunk',
    title: `chunks into ${where}`,
    unit: 'rows/s',
    lines: [baseline, ...candidates],
    notes: costs.map(costText),
  };
}

/** What is read again: a revision window, a repair, an answer fetched twice. */
async function merges(setting: Setting, bench: Bench): Promise<Report> {
  const { first, candles, copy } = bench;
  const costs: Cost[] = [];
  const later: readonly Candle[] = candles.map((one) => ({ ...one, close: one.open }));
  const again = (name: string, second: readonly Candle[]): Contender =>
    contender(bench, costs, name, async () => {
      await bench.store([first, first], 1_000);
      await bench.warehouse.forget();
      return bench.store([first, first], 1_000, [...second]);
    });
  const { baseline, candidates } = await compare({
    ...setting,
    baseline: contender(bench, costs, copy.name, () => copy.copyMs()),
    candidates: [again('the same values again', candles), again('every value changed', later)],
  });
  return {
    benchmark: 'chunk',
    title: 'merge of 1,000 a chunk, one connection, two executions',
    unit: 'rows/s',
    lines: [baseline, ...candidates],
    notes: [],
  };
}

interface Cost {
  readonly name: string;
  rows: number;
  clientMs: number;
  postgresMs: number;
}

/** `measure` answers its milliseconds. */
function contender(
  bench: Bench,
  costs: Cost[],
  name: string,
  measure: () => Promise<number>,
  atLeast?: number,
): Contender {
  const cost: Cost = { name, rows: 0, clientMs: 0, postgresMs: 0 };
  costs.push(cost);
  const budget = atLeast === undefined ? undefined : { atLeast };
  return { name, budget, run: () => withCost(bench, cost, measure) };
}

/** Answers rows a second, and notes what CPU they took. */
async function withCost(bench: Bench, cost: Cost, measure: () => Promise<number>): Promise<number> {
  const { warehouse } = bench;
  await bench.empty();
  const client = process.cpuUsage();
  const postgresMs = await postgresCpuMs(warehouse.db);
  const ms = await measure();
  const used = process.cpuUsage(client);
  // psql's session has ended by then: what it used is told once the server has seen that.
  await sleep(SESSION_END_MS);
  cost.rows += CANDLES;
  cost.clientMs += (used.user + used.system) / 1_000;
  cost.postgresMs += (await postgresCpuMs(warehouse.db)) - postgresMs;
  await expectStored(warehouse, CANDLES + bench.kept);
  return (CANDLES / ms) * 1_000;
}

function costText({ name, rows, clientMs, postgresMs }: Cost): string {
  const each = (ms: number) => `${((ms * 1_000) / rows).toFixed(1)} ms`;
  return `CPU for 1,000 rows, ${name}: Postgres ${each(postgresMs)}, the client's process ${each(clientMs)}`;
}

async function expectStored(warehouse: Warehouse, count: number): Promise<void> {
  const [row] = await warehouse.db.sql<{ stored: number; open: number }[]>`
    select (select count(*)::int from market_data) as stored,
      (select count(*)::int from backfill_state_persistent where status <> 'completed') as open`;
  if (row?.stored !== count || row.open > 0)
    throw new Error(`stored ${row?.stored} of ${count} candles; ${row?.open} executions are not completed`);
}
