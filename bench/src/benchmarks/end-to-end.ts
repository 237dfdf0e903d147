import { connectQueues } from '@candlefleet/queue';
import { forgetNamespace, testNamespace, waitUntil } from '@candlefleet/testing';
import { pino } from 'pino';
import { compare, type Contender } from '../measure/compare.js';
import { openCpuProfile } from '../measure/cpu-profile.js';
import type { Report } from '../measure/report.js';
import { spreadOf } from '../measure/spread.js';
import { minutesFromListing, planHistory } from '../setting/backlog.js';
import { startReplay, startWorkerProcess, type Child } from '../setting/child.js';
import { createCopyBaseline } from '../setting/copy-baseline.js';
import { cpuMs, postgresCpuMs } from '../setting/cpu-time.js';
import { simulateMinutes } from '../setting/kept-market.js';
import { QUEUE } from '../setting/run-tails.js';
import type { Setting } from '../setting/setting.js';
import { openWarehouse, type Warehouse } from '../setting/warehouse.js';

const SYMBOLS = Array.from({ length: 8 }, (_, n) => `B${n}/USDT`);
const CANDLES_PER_SERIES = 25_000;
const CANDLES = SYMBOLS.length * CANDLES_PER_SERIES;
const PAGE = 1_000;
const MINUTE_MS = 60_000;
const RANGE = minutesFromListing(CANDLES_PER_SERIES);

/** Replay server → queue → one worker → table, each a process, against one COPY of the same rows. */
export async function benchEndToEnd(setting: Setting): Promise<Report[]> {
  const warehouse = await openWarehouse();
  const seriesIds = await warehouse.track({ symbols: SYMBOLS, timeframe: '1m', range: RANGE });
  const copy = createCopyBaseline(warehouse.url, 1_000_000, simulateMinutes(CANDLES));
  const replay = await startReplay({ symbols: SYMBOLS, candles: CANDLES_PER_SERIES });
  const replayUrl = replay.told['url'] ?? '';
  const lines = [];
  for (const redisUrl of setting.redisUrl ? [setting.redisUrl, undefined] : [undefined])
    lines.push(await startLine({ warehouse, seriesIds, redisUrl, replay, replayUrl }));
  try {
    const { baseline, candidates } = await compare({
      ...setting,
      baseline: {
        name: copy.name,
        async run() {
          await warehouse.empty();
          return (CANDLES / (await copy.copyMs())) * 1_000;
        },
      },
      candidates: [
        ...lines.map((line) => line.contender),
        { name: 'the replay server alone, read and not parsed', run: () => readAll(replayUrl) },
      ],
    });
    return [
      {
        benchmark: 'end-to-end',
        title: 'replay server → queue → one worker → table',
        unit: 'candles/s',
        lines: [baseline, ...candidates],
        notes: lines.map((line) => line.cost()),
      },
      await profileWorker(setting, { warehouse, seriesIds, redisUrl: setting.redisUrl, replay, replayUrl }),
    ];
  } finally {
    for (const line of lines) await line.close();
    await replay.close();
    copy.close();
    await warehouse.close();
  }
}

/** A few times more, with Node's profiler on the worker. */
async function profileWorker({ tell }: Setting, options: LineOptions): Promise<Report> {
  tell('profile of the worker');
  const profile = openCpuProfile();
  try {
    const line = await startLine(options, profile.nodeOptions);
    try {
      for (let run = 0; run < PROFILED_RUNS; run += 1) await line.contender.run();
    } finally {
      await line.close();
    }
    const times = [...profile.read()].sort(([, a], [, b]) => b - a);
    const total = times.reduce((sum, [, ms]) => sum + ms, 0);
    const of = (name: string, ms: number) => ({
      name,
      amount: spreadOf([(ms * 1_000 * PAGE) / (CANDLES * PROFILED_RUNS)]),
      ratio: spreadOf([ms / total]),
    });
    const small = times.slice(SHOWN).reduce((sum, [, ms]) => sum + ms, 0);
    return {
      benchmark: 'end-to-end',
      title: "where the worker's time goes, profiled, its start included",
      unit: 'µs a page',
      lines: [...times.slice(0, SHOWN).map(([name, ms]) => of(name, ms)), of('all others', small)],
      notes: ['self time by whose code it is; ratio to all of it'],
    };
  } finally {
    profile.close();
  }
}

const SHOWN = 12;
/** So that its start weighs little. */
const PROFILED_RUNS = 5;

interface LineOptions {
  readonly warehouse: Warehouse;
  readonly seriesIds: readonly number[];
  readonly redisUrl: string | undefined;
  readonly replay: Child;
  readonly replayUrl: string;
}

/** A queue in one of the backends, and the worker on it. */
async function startLine(options: LineOptions, nodeOptions: readonly string[] = []) {
  const { warehouse, redisUrl, replay, replayUrl } = options;
  const namespace = testNamespace();
  const place = { databaseUrl: warehouse.url, redisUrl, namespace };
  const log = pino({ level: 'silent' });
  const queues = await connectQueues({ ...place, applicationName: 'bench', log });
  const worker = await startWorkerProcess({ ...place, replayUrl }, nodeOptions);
  const cost = { candles: 0, worker: 0, replay: 0, postgres: 0 };
  const contender: Contender = {
    name: `all of it, queue in ${redisUrl ? 'Redis' : 'Postgres'}`,
    budget: { atLeast: 0.3 },
    async run() {
      const jobs = await planAll(options);
      const before = await usage(warehouse, worker, replay);
      const startedAt = performance.now();
      await queues.ensureJobs(QUEUE, jobs);
      await waitUntil('all executions to end', () => isDone(warehouse), 300_000);
      const seconds = (performance.now() - startedAt) / 1_000;
      const after = await usage(warehouse, worker, replay);
      cost.candles += CANDLES;
      for (const part of ['worker', 'replay', 'postgres'] as const) cost[part] += after[part] - before[part];
      return CANDLES / seconds;
    },
  };
  const perPage = (ms: number) => `${((ms / cost.candles) * PAGE).toFixed(1)} ms`;
  return {
    contender,
    cost: () =>
      `CPU for 1,000 candles, ${contender.name}: worker ${perPage(cost.worker)}, replay server ${perPage(cost.replay)}, Postgres ${perPage(cost.postgres)}`,
    async close() {
      await worker.close();
      await queues.close({ deadlineMs: 5_000 });
      await forgetNamespace(redisUrl, namespace);
    },
  };
}

async function planAll({ warehouse, seriesIds }: LineOptions) {
  await warehouse.empty();
  const series = seriesIds.map((seriesId, index) => ({ seriesId, symbol: SYMBOLS[index] ?? '' }));
  return planHistory(warehouse, series, RANGE);
}

async function isDone({ db }: Warehouse): Promise<boolean> {
  const [row] = await db.sql<{ open: number; stored: number }[]>`
    select count(*) filter (where status <> 'completed')::int as open, sum(records_inserted)::int as stored
    from backfill_state_persistent`;
  if (row?.open !== 0) return false;
  if (row.stored !== CANDLES) throw new Error(`stored ${row.stored} of ${CANDLES} candles`);
  return true;
}

async function usage({ db }: Warehouse, worker: Child, replay: Child) {
  return { worker: cpuMs(worker.pid), replay: cpuMs(replay.pid), postgres: await postgresCpuMs(db) };
}

/** Every page once, eight at a time. */
async function readAll(replayUrl: string): Promise<number> {
  const startedAt = performance.now();
  await Promise.all(
    SYMBOLS.map(async (symbol) => {
      const query = `symbol=${symbol.replace('/', '')}&interval=1m&limit=${PAGE}`;
      for (let at = RANGE.fromMs; at < RANGE.toMs; at += PAGE * MINUTE_MS) {
        const response = await fetch(`${replayUrl}/api/v3/klines?${query}&startTime=${at}`);
        if (!response.ok) throw new Error(`the replay server answered ${response.status}`);
        await response.arrayBuffer();
      }
    }),
  );
  return (CANDLES / (performance.now() - startedAt)) * 1_000;
}
