import { setTimeout as sleep } from 'node:timers/promises';
import { trackSymbols } from '@candlefleet/db';
import { startProducer } from '@candlefleet/producer';
import { providerTraits } from '@candlefleet/providers';
import { connectQueues } from '@candlefleet/queue';
import { forgetNamespace, testNamespace, waitUntil } from '@candlefleet/testing';
import { pino } from 'pino';
import { busyCores } from '../measure/busy-cores.js';
import { BUSY_CORES } from '../measure/compare.js';
import type { Bound, Measured, Report } from '../measure/report.js';
import { spreadOf } from '../measure/spread.js';
import { startReplay, startWorkerProcess } from '../setting/child.js';
import type { Setting } from '../setting/setting.js';
import { openWarehouse, PROVIDER, type Warehouse } from '../setting/warehouse.js';

const LEVELS = [1_000, 10_000];
const WORKERS = 2;
const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;
const HISTORY_SYMBOLS = Array.from({ length: 20 }, (_, n) => `H${n}/USDT`);
/** A million candles together. */
const HISTORY_CANDLES = 50_000;
const P99_MS = 2_000;
/** How much later a fresh candle may be while history is fetched. */
const MORE_MS = 1_000;
const LIMITS = { [PROVIDER]: 10_000_000 };

/** From a tail's scheduled slot to its row: with many one-minute series, alone and while a history is fetched. */
export async function benchLatency(setting: Setting): Promise<Report[]> {
  const reports: Report[] = [];
  for (const count of LEVELS) reports.push(await measureLevel(setting, count));
  return reports;
}

async function measureLevel({ redisUrl, tell }: Setting, count: number): Promise<Report> {
  const busyRounds = (await busyCores()) > BUSY_CORES ? 1 : 0;
  const symbols = Array.from({ length: count }, (_, n) => `L${n}/USDT`);
  const warehouse = await openWarehouse();
  const namespace = testNamespace();
  const log = pino({ level: 'warn' }, process.stderr);
  const place = { redisUrl, databaseUrl: warehouse.url, namespace };
  const queues = await connectQueues({ ...place, applicationName: 'bench producer', log });
  const replay = await startReplay({ symbols: [...symbols, ...HISTORY_SYMBOLS] });
  await trackCovered(warehouse, symbols);
  const traitsOf = (provider: string) => providerTraits(provider, LIMITS);
  const start = () => startWorkerProcess({ ...place, replayUrl: replay.told['url'] ?? '' });
  const workers = await Promise.all(Array.from({ length: WORKERS }, start));
  const producer = startProducer({ db: warehouse.db, queues, traitsOf, log });
  try {
    tell(`${count} series: waiting for the first tail of each`);
    await waitUntil('the first tails', async () => (await countSeries(warehouse)) >= count, 300_000);
    const alone = await measure(warehouse, () => sleep(MINUTE_MS));
    tell(`alone: ${JSON.stringify(alone)}`);
    await untilNextMinute(warehouse);
    const busy = await measure(warehouse, () => fetchHistory(warehouse));
    tell(`with history: ${JSON.stringify(busy)}`);
    return toReport({ count, alone, busy, busyRounds });
  } finally {
    await producer.close();
    await Promise.all(workers.map((one) => one.close()));
    await replay.close();
    await queues.close({ deadlineMs: 10_000 });
    await forgetNamespace(redisUrl, namespace);
    await warehouse.close();
  }
}

interface Latency {
  readonly tails: number;
  readonly late: number;
  readonly p50: number;
  readonly p99: number;
  readonly seconds: number;
}

/** Of the tails whose slots lie in the time that the work takes. */
async function measure({ db }: Warehouse, work: () => Promise<unknown>): Promise<Latency> {
  const fromMs = await db.clockMs();
  await work();
  const toMs = await db.clockMs();
  await sleep(2 * P99_MS);
  const [row] = await db.sql<Latency[]>`
    select count(*)::int as tails, count(*) filter (where ms is null or ms > ${P99_MS})::int as late,
      percentile_cont(0.5) within group (order by coalesce(ms, 1e9)) as p50,
      percentile_cont(0.99) within group (order by coalesce(ms, 1e9)) as p99, ${(toMs - fromMs) / 1_000}::float8 as seconds
    from (select to_ms(completed_at) - to_ms(slot) as ms from backfill_state_persistent
      where kind = 'tail' and to_ms(slot) >= ${fromMs}::float8 and to_ms(slot) < ${toMs}::float8) tail`;
  if (!row || row.tails === 0) throw new Error('no tail was due');
  return row;
}

function toReport(found: { count: number; alone: Latency; busy: Latency; busyRounds: number }): Report {
  const { alone, busy, busyRounds } = found;
  const line = (name: string, ms: number, of: number, budget?: Bound): Measured => {
    const share = ms / of;
    return { name, amount: spreadOf([ms]), ratio: spreadOf([share]), rounds: [share], budget, busyRounds };
  };
  return {
    benchmark: 'latency',
    title: `${found.count.toLocaleString('en-US')} one-minute series: slot to row; ratio to 2 s`,
    unit: 'ms',
    lines: [
      line('p50', alone.p50, P99_MS),
      line('p99', alone.p99, P99_MS, { atMost: 1 }),
      line('p50 while a million candles of history are fetched', busy.p50, P99_MS),
      line('p99 while a million candles of history are fetched', busy.p99, P99_MS),
      line('what that p99 has more, to 1 s', busy.p99 - alone.p99, MORE_MS, { atMost: 1 }),
    ],
    notes: [noteOf('alone', alone), noteOf('with history', busy)],
  };
}

function noteOf(what: string, { tails, late, seconds }: Latency): string {
  return `${what}: ${tails.toLocaleString('en-US')} tails in ${seconds.toFixed(0)} s, ${late} of them later than 2 s`;
}

/** Series that are up to date to the minute: their next candle comes by a tail. */
async function trackCovered(warehouse: Warehouse, symbols: readonly string[]): Promise<void> {
  const nowMs = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
  const range = { fromMs: nowMs - DAY_MS, toMs: nowMs + 400 * DAY_MS };
  await warehouse.track({ symbols, timeframe: '1m', range });
  await warehouse.db.sql`update series_coverage set covered = tstzmultirange(tstzrange(
    to_timestamp(${range.fromMs / 1_000}::float8), to_timestamp(${nowMs / 1_000}::float8)))`;
}

async function countSeries({ db }: Warehouse): Promise<number> {
  const [row] = await db.sql<{ series: number }[]>`
    select count(distinct series_id)::int as series from backfill_state_persistent
    where kind = 'tail' and status = 'completed' and outcome = 'stored'`;
  return row?.series ?? 0;
}

/** The slots of a minute lie in its first third: that is when the history must be under way. */
async function untilNextMinute({ db }: Warehouse): Promise<void> {
  await sleep(MINUTE_MS - ((await db.clockMs()) % MINUTE_MS));
}

async function fetchHistory({ db }: Warehouse): Promise<void> {
  const nowMs = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
  const entry = { provider: PROVIDER, assetClass: 'crypto', calendar: '24x7', timeframes: ['1m'] } as const;
  const historyFromMs = nowMs - HISTORY_CANDLES * MINUTE_MS;
  await trackSymbols(
    db,
    HISTORY_SYMBOLS.map((symbol) => ({ ...entry, symbol, historyFromMs })),
    'bench',
  );
  await waitUntil(
    'the history',
    async () => {
      const [row] = await db.sql<{ candles: number }[]>`
        select coalesce(sum(c.candle_count), 0)::int as candles from series_coverage c join series s using (series_id)
        where s.symbol like 'H%'`;
      return (row?.candles ?? 0) >= HISTORY_SYMBOLS.length * (HISTORY_CANDLES - 10);
    },
    600_000,
  );
}
