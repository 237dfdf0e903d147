import { readFileSync } from 'node:fs';
import { connectQueues, type QueueConnection } from '@candlefleet/queue';
import { forgetNamespace, testNamespace, waitUntil } from '@candlefleet/testing';
import { pino } from 'pino';
import type { Measured, Report } from '../measure/report.js';
import { spreadOf } from '../measure/spread.js';
import { minutesFromListing, planHistory } from '../setting/backlog.js';
import { startReplay, startWorkerProcess } from '../setting/child.js';
import { QUEUE } from '../setting/run-tails.js';
import type { Setting } from '../setting/setting.js';
import { openTailSeries, tailJobs } from '../setting/tail-jobs.js';
import { openWarehouse, type Warehouse } from '../setting/warehouse.js';

const PASSES = 10;
const SYMBOLS = Array.from({ length: 20 }, (_, n) => `B${n}/USDT`);
/** A million a pass. */
const CANDLES = 50_000;
const JOB_PASSES = 20;
const JOBS = 5_000;
const SAMPLE_MS = 500;
const AT_MOST_MB = { resident: 300, growth: 20 };

/** What a worker's memory does over ten million candles, and over 100,000 jobs. It weighs, it does not time. */
export async function benchMemory({ redisUrl, tell }: Setting): Promise<Report[]> {
  const warehouse = await openWarehouse();
  const namespace = testNamespace();
  const place = { redisUrl, databaseUrl: warehouse.url, namespace };
  // First: it says of all series that there are by then where they come from.
  const tails = await openTailSeries(warehouse, JOBS);
  const ids = await warehouse.track({
    symbols: SYMBOLS,
    timeframe: '1m',
    range: minutesFromListing(CANDLES),
  });
  const queues = await connectQueues({ ...place, applicationName: 'bench', log: pino({ level: 'silent' }) });
  const replay = await startReplay({ symbols: SYMBOLS, candles: CANDLES });
  const worker = await startWorkerProcess({ ...place, replayUrl: replay.told['url'] ?? '' });
  try {
    const overCandles = await weigh(PASSES, worker.pid, tell, 'a million candles', async () => {
      await warehouse.empty();
      const series = ids.map((seriesId, n) => ({ seriesId, symbol: SYMBOLS[n] ?? '' }));
      await queues.ensureJobs(QUEUE, await planHistory(warehouse, series, minutesFromListing(CANDLES)));
      await waitUntil('the candles', () => isStored(warehouse), 600_000);
    });
    const overJobs = await weigh(JOB_PASSES, worker.pid, tell, '5,000 jobs', async () => {
      await tails.reset(0);
      await runJobs(queues, tails.seriesIds);
    });
    return [toReport(overCandles, overJobs)];
  } finally {
    await worker.close();
    await replay.close();
    await queues.close({ deadlineMs: 5_000 });
    await forgetNamespace(redisUrl, namespace);
    await warehouse.close();
  }
}

/** The resident memory of each pass in MB: its median, and the largest of all. */
async function weigh(
  passes: number,
  pid: number,
  tell: (line: string) => void,
  what: string,
  work: () => Promise<void>,
): Promise<{ medians: number[]; largest: number }> {
  const medians: number[] = [];
  let largest = 0;
  for (let pass = 1; pass <= passes; pass += 1) {
    const samples: number[] = [];
    const timer = setInterval(() => samples.push(residentMb(pid)), SAMPLE_MS);
    await work();
    clearInterval(timer);
    const { median, max } = spreadOf([...samples, residentMb(pid)]);
    medians.push(median);
    largest = Math.max(largest, max);
    tell(`${what}, ${pass} of ${passes}: ${median.toFixed(0)} MB`);
  }
  return { medians, largest };
}

interface Weighed {
  readonly medians: readonly number[];
  readonly largest: number;
}

function toReport(overCandles: Weighed, overJobs: Weighed): Report {
  const ofBudget = (name: string, mb: number, atMost: number): Measured => ({
    name,
    amount: spreadOf([mb]),
    ratio: spreadOf([mb / atMost]),
    budget: { atMost: 1 },
  });
  const text = ({ medians }: Weighed) => medians.map((mb) => mb.toFixed(0)).join(' ');
  return {
    benchmark: 'memory',
    title: 'resident memory of a worker, ccxt loaded; ratio to its budget',
    unit: 'MB',
    lines: [
      ofBudget('the most, over ten million candles', overCandles.largest, AT_MOST_MB.resident),
      ofBudget('growth from the 2nd million to the 10th', growth(overCandles), AT_MOST_MB.growth),
      ofBudget('growth over 100,000 jobs after that', growth(overJobs), AT_MOST_MB.growth),
    ],
    notes: [`median of each million: ${text(overCandles)}`, `median of each 5,000 jobs: ${text(overJobs)}`],
  };
}

/** The first pass warms up: code is compiled, pools are opened, the heap finds its size. */
function growth({ medians }: Weighed): number {
  return (medians.at(-1) ?? Number.NaN) - (medians[1] ?? Number.NaN);
}

async function isStored({ db }: Warehouse): Promise<boolean> {
  const [row] = await db.sql<{ open: number; failed: number }[]>`
    select count(*) filter (where status <> 'completed')::int as open, count(*) filter (where status = 'failed')::int as failed
    from backfill_state_persistent`;
  if (row && row.failed > 0) throw new Error(`${row.failed} executions failed`);
  return row?.open === 0;
}

async function runJobs(queues: QueueConnection, seriesIds: readonly number[]): Promise<void> {
  const queue = await queues.open(QUEUE);
  await queue.addBulk(tailJobs(seriesIds, seriesIds.length));
  const left = async () => queue.getJobCountByTypes('waiting', 'active', 'delayed', 'prioritized');
  await waitUntil('the jobs', async () => (await left()) === 0, 300_000);
}

/** NaN where the system does not tell (proc(5)). */
function residentMb(pid: number): number {
  const kilobytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes ?? Number.NaN) / 1_024;
}
