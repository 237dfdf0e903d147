import { connectQueues } from '@candlefleet/queue';
import { forgetNamespace, testNamespace } from '@candlefleet/testing';
import { pino } from 'pino';
import { compare, type Contender } from '../measure/compare.js';
import type { Report } from '../measure/report.js';
import { openGraphileWorker } from '../peers/graphile-worker.js';
import type { Peer } from '../peers/peer.js';
import { openPgBoss } from '../peers/pg-boss.js';
import { openRowWriter, type RowWriter } from '../peers/same-rows.js';
import { costText, noCost, openCpuMeter, type Cost, type CpuMeter } from '../setting/cost.js';
import { startOurWorker } from '../setting/our-worker.js';
import { runTails } from '../setting/run-tails.js';
import type { Setting } from '../setting/setting.js';
import { openTailSeries, type TailSeries } from '../setting/tail-jobs.js';
import { openWarehouse, type Warehouse } from '../setting/warehouse.js';

/** Jobs a measurement. */
const LEVELS = [
  { concurrency: 1, redisJobs: 500, postgresJobs: 200 },
  { concurrency: 16, redisJobs: 2_000, postgresJobs: 800 },
  { concurrency: 64, redisJobs: 4_000, postgresJobs: 1_500 },
];
const CONNECTIONS = 6;
/** A tail's whole life is to be 1.5 times as fast as a peer that writes the same rows (DESIGN §9). */
const PEER = { atMost: 1 / 1.5 };

/** The same rows by pg-boss, by graphile-worker and by a plain loop, against a tail's whole life; each on its own store. */
export async function benchPeers(setting: Setting): Promise<Report[]> {
  const warehouse = await openWarehouse();
  const peers = [
    await openPgBoss(warehouse.url),
    await openGraphileWorker(warehouse.url, false),
    await openGraphileWorker(warehouse.url, true),
  ];
  const reports: Report[] = [];
  try {
    const series = await openTailSeries(warehouse, 4_000);
    for (const redisUrl of setting.redisUrl ? [setting.redisUrl, undefined] : [undefined])
      for (const { concurrency, redisJobs, postgresJobs } of LEVELS) {
        const jobs = redisUrl ? redisJobs : postgresJobs;
        reports.push(await compareLevel(setting, { warehouse, series, peers, redisUrl, concurrency, jobs }));
      }
  } finally {
    for (const peer of peers) await peer.close();
    await warehouse.close();
  }
  return reports;
}

interface Level {
  readonly warehouse: Warehouse;
  readonly series: TailSeries;
  readonly peers: readonly Peer[];
  readonly redisUrl: string | undefined;
  readonly concurrency: number;
  readonly jobs: number;
}

async function compareLevel(setting: Setting, level: Level): Promise<Report> {
  const { warehouse, series, peers, redisUrl, concurrency, jobs: count } = level;
  const place = { redisUrl, databaseUrl: warehouse.url, namespace: testNamespace() };
  const queues = await connectQueues({ ...place, applicationName: 'bench', log: pino({ level: 'silent' }) });
  const meter = openCpuMeter(warehouse.db, redisUrl);
  const writer = openRowWriter(warehouse.url, series.newestMs, CONNECTIONS);
  const backend = redisUrl ? 'Redis' : 'Postgres';
  const ours = noCost(`candlefleet, queue in ${backend}: claim, store, finish`);
  const costs = [ours];
  const start = () => startOurWorker(warehouse.url, queues, concurrency);
  const rival = (name: string, work: Work): Contender => {
    const cost = noCost(name);
    costs.push(cost);
    return {
      name,
      budget: name === PLAIN ? undefined : PEER,
      run: () => runRival({ level, meter, cost }, work),
    };
  };
  try {
    const { baseline, candidates } = await compare({
      ...setting,
      baseline: {
        name: ours.name,
        run: () => runTails({ series, queues, meter, count, cost: ours, ending: 'stored', start }),
      },
      candidates: [
        ...peers.map((peer) => rival(`${peer.name}: the same rows`, workOf(peer, writer, concurrency))),
        rival(PLAIN, plainLoop(writer)),
      ],
    });
    return {
      benchmark: 'peers',
      title: `queue in ${backend}, concurrency ${concurrency}`,
      unit: 'jobs/s',
      lines: [baseline, ...candidates],
      notes: costs.map(costText),
    };
  } finally {
    meter.close();
    await writer.close();
    await queues.close({ deadlineMs: 5_000 });
    await forgetNamespace(redisUrl, place.namespace);
  }
}

/** As it is done without a fleet: one process, a row per INSERT, a commit each; no record of the work. */
const PLAIN = 'one process, one INSERT and commit a candle';

interface Work {
  /** What is not measured. */
  prepare(seriesIds: readonly number[]): Promise<void>;
  work(): Promise<void>;
}

function workOf(peer: Peer, writer: RowWriter, concurrency: number): Work {
  return {
    prepare: (ids) => peer.add(ids),
    work: () => peer.drain(concurrency, (id) => writer.writeAll(id)),
  };
}

function plainLoop(writer: RowWriter): Work {
  let rest: readonly number[] = [];
  return {
    async prepare(seriesIds) {
      rest = seriesIds;
    },
    async work() {
      for (const seriesId of rest) await writer.writeCandle(seriesId);
    },
  };
}

async function runRival(
  { level, meter, cost }: { level: Level; meter: CpuMeter; cost: Cost },
  { prepare, work }: Work,
): Promise<number> {
  const { series, warehouse, jobs } = level;
  await series.reset(1);
  await prepare(series.seriesIds.slice(0, jobs));
  const perSecond = await meter.measure(cost, jobs, work);
  const [row] = await warehouse.db.sql<{ stored: number }[]>`select count(*)::int as stored from market_data`;
  if (row?.stored !== jobs) throw new Error(`${cost.name} stored ${row?.stored} of ${jobs} candles`);
  return perSecond;
}
