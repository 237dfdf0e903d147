import { connectQueues } from '@candlefleet/queue';
import { forgetNamespace, testNamespace } from '@candlefleet/testing';
import { pino } from 'pino';
import { compare, type Contender } from '../measure/compare.js';
import type { Report } from '../measure/report.js';
import { startBareWorker } from '../setting/bare-bullmq.js';
import { costText, noCost, openCpuMeter } from '../setting/cost.js';
import { startOurWorker } from '../setting/our-worker.js';
import { QUEUE, runTails, type TailRun } from '../setting/run-tails.js';
import type { Setting } from '../setting/setting.js';
import { openTailSeries, type TailSeries } from '../setting/tail-jobs.js';
import { openWarehouse, type Warehouse } from '../setting/warehouse.js';

/** Jobs a measurement, and the budgets, which are for Redis (DESIGN §9). */
const LEVELS = [
  { concurrency: 1, redisJobs: 1_000, postgresJobs: 200, claim: 0.2, lifecycle: 0.12 },
  { concurrency: 16, redisJobs: 4_000, postgresJobs: 1_000, claim: 0.3, lifecycle: 0.16 },
  { concurrency: 64, redisJobs: 6_000, postgresJobs: 1_500, claim: 0.6, lifecycle: 0.3 },
];

/** A tail that is up to date, and one that claims, stores one candle and finishes, against bare BullMQ. */
export async function benchLifecycle(setting: Setting): Promise<Report[]> {
  const reports: Report[] = [];
  const warehouse = await openWarehouse();
  try {
    const series = await openTailSeries(warehouse, 6_000);
    for (const redisUrl of setting.redisUrl ? [setting.redisUrl, undefined] : [undefined])
      for (const level of LEVELS)
        reports.push(await compareLevel(setting, { warehouse, series, redisUrl, ...level }));
  } finally {
    await warehouse.close();
  }
  return reports;
}

interface Level {
  readonly warehouse: Warehouse;
  readonly series: TailSeries;
  readonly redisUrl: string | undefined;
  readonly concurrency: number;
  readonly redisJobs: number;
  readonly postgresJobs: number;
  readonly claim: number;
  readonly lifecycle: number;
}

async function compareLevel(setting: Setting, level: Level): Promise<Report> {
  const { warehouse, series, redisUrl, concurrency, redisJobs, postgresJobs } = level;
  const place = { redisUrl, databaseUrl: warehouse.url, namespace: testNamespace() };
  const queues = await connectQueues({ ...place, applicationName: 'bench', log: pino({ level: 'silent' }) });
  const meter = openCpuMeter(warehouse.db, redisUrl);
  const count = redisUrl ? redisJobs : postgresJobs;
  const startBare = () => startBareWorker({ ...place, queue: QUEUE, concurrency });
  const startOurs = () => startOurWorker(warehouse.url, queues, concurrency);
  const bare = noCost('bare BullMQ, empty processor');
  const claim = noCost('claim of an up-to-date tail');
  const life = noCost('claim, store one candle, finish');
  const contender = (run: Pick<TailRun, 'cost' | 'ending' | 'start'>, atLeast?: number): Contender => ({
    name: run.cost.name,
    budget: redisUrl && atLeast !== undefined ? { atLeast } : undefined,
    run: () => runTails({ series, queues, meter, count, ...run }),
  });
  try {
    const { baseline, candidates: lines } = await compare({
      ...setting,
      baseline: contender({ cost: bare, start: startBare }),
      candidates: [
        contender({ cost: claim, ending: 'nothing_missing', start: startOurs }, level.claim),
        contender({ cost: life, ending: 'stored', start: startOurs }, level.lifecycle),
      ],
    });
    return {
      benchmark: 'lifecycle',
      title: `queue in ${redisUrl ? 'Redis' : 'Postgres'}, concurrency ${concurrency}`,
      unit: 'jobs/s',
      lines: [baseline, ...lines],
      notes: [bare, claim, life].map(costText),
    };
  } finally {
    meter.close();
    await queues.close({ deadlineMs: 5_000 });
    await forgetNamespace(redisUrl, place.namespace);
  }
}
