import { setTimeout as sleep } from 'node:timers/promises';
import { connectQueues } from '@candlefleet/queue';
import { forgetNamespace, testNamespace, waitUntil } from '@candlefleet/testing';
import { pino } from 'pino';
import { busyCores } from '../measure/busy-cores.js';
import { BUSY_CORES } from '../measure/compare.js';
import type { Measured, Report } from '../measure/report.js';
import { spreadOf } from '../measure/spread.js';
import { minutesFromListing, planHistory } from '../setting/backlog.js';
import { startReplay, startWorkerProcess } from '../setting/child.js';
import { QUEUE } from '../setting/run-tails.js';
import type { Setting } from '../setting/setting.js';
import { openWarehouse, type Warehouse } from '../setting/warehouse.js';

const WORKERS = [1, 2, 4, 8];
/** Half of Binance's own: the budget is to be the limit, and not this machine. */
const WEIGHT_A_MINUTE = 3_000;
const SYMBOLS = Array.from({ length: 160 }, (_, n) => `B${n}/USDT`);
/** More pages than are asked for. */
const CANDLES = 20_000;
/** What a bucket holds at the start has been spent by then. */
const LEAD_IN_MS = 15_000;
const MEASURE_MS = 60_000;

/** How much of a provider's budget a fleet uses while there is a backlog, and whether it ever uses more. */
export async function benchBudget(setting: Setting): Promise<Report[]> {
  const warehouse = await openWarehouse();
  const ids = await warehouse.track({
    symbols: SYMBOLS,
    timeframe: '1m',
    range: minutesFromListing(CANDLES),
  });
  const series = ids.map((seriesId, n) => ({ seriesId, symbol: SYMBOLS[n] ?? '' }));
  const used: Measured[] = [];
  const largest: Measured[] = [];
  try {
    for (const workers of WORKERS) {
      const busy = (await busyCores()) > BUSY_CORES ? 1 : 0;
      const seen = await runFleet(setting, { warehouse, series, workers });
      const name = `${workers} worker${workers > 1 ? 's' : ''}`;
      used.push(shareOf(`${name}: used in a minute`, seen.used, { atLeast: 0.95 }, busy));
      largest.push(shareOf(`${name}: in the fullest sliding minute`, seen.largest, { atMost: 1 }, busy));
      setting.tell(`${name}: ${seen.used} in a minute, ${seen.largest} in the fullest`);
    }
  } finally {
    await warehouse.close();
  }
  return [
    {
      benchmark: 'budget',
      title: `of ${WEIGHT_A_MINUTE.toLocaleString('en-US')} request weight a minute`,
      unit: 'weight',
      lines: [...used, ...largest],
      notes: [`as the server counted; ${LEAD_IN_MS / 1_000} s after the start, for ${MEASURE_MS / 1_000} s`],
    },
  ];
}

function shareOf(name: string, weight: number, budget: Measured['budget'], busyRounds: number): Measured {
  const share = weight / WEIGHT_A_MINUTE;
  return { name, amount: spreadOf([weight]), ratio: spreadOf([share]), rounds: [share], budget, busyRounds };
}

async function runFleet(
  { redisUrl }: Setting,
  options: { warehouse: Warehouse; series: { seriesId: number; symbol: string }[]; workers: number },
): Promise<{ used: number; largest: number }> {
  const { warehouse, series } = options;
  const namespace = testNamespace();
  const place = { redisUrl, databaseUrl: warehouse.url, namespace };
  await warehouse.empty();
  await warehouse.db.sql`truncate provider_budgets`;
  const queues = await connectQueues({ ...place, applicationName: 'bench', log: pino({ level: 'silent' }) });
  const replay = await startReplay({ symbols: SYMBOLS, candles: CANDLES, weightLimit: WEIGHT_A_MINUTE });
  const replayUrl = replay.told['url'] ?? '';
  const worker = () => startWorkerProcess({ ...place, replayUrl, weightLimit: WEIGHT_A_MINUTE });
  const fleet = await Promise.all(Array.from({ length: options.workers }, worker));
  try {
    await queues.ensureJobs(QUEUE, await planHistory(warehouse, series, minutesFromListing(CANDLES)));
    await waitUntil('the first page', async () => (await readLog(replayUrl, 0)).requests.length > 0);
    await sleep(LEAD_IN_MS);
    const began = await readLog(replayUrl, 0);
    await sleep(MEASURE_MS);
    const ended = await readLog(replayUrl, began.total);
    const fromMs = Date.now() - MEASURE_MS;
    const used = ended.requests.filter((one) => one.atMs >= fromMs).reduce((sum, one) => sum + one.weight, 0);
    return { used, largest: ended.largestWindowWeight };
  } finally {
    await Promise.all(fleet.map((one) => one.close()));
    await replay.close();
    await queues.close({ deadlineMs: 5_000 });
    await forgetNamespace(redisUrl, namespace);
  }
}

interface RequestLog {
  readonly total: number;
  readonly largestWindowWeight: number;
  readonly requests: readonly { readonly atMs: number; readonly weight: number }[];
}

/** What the server itself says about its requests after one. */
async function readLog(replayUrl: string, after: number): Promise<RequestLog> {
  const response = await fetch(`${replayUrl}/replay/requests?after=${after}&limit=10000`);
  const log: RequestLog = JSON.parse(await response.text());
  return log;
}
