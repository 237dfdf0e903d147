// The main job as its user sees it, on the simulated market, and on real recordings where ../shared has some:
// `npm start`, a worker killed at work, a failed job retried in Bull Board, every stored row compared, Ctrl-C.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import postgres from '../packages/db/node_modules/postgres/src/index.js';
import {
  createSimulatedMarket,
  openRecordings,
  SIMULATED_SYMBOLS,
} from '../packages/providers/dist/index.js';
import { sharedFolder, sharedRecordings, waitUntil } from '../packages/testing/dist/index.js';
import { startFleet } from './demo-fleet.mjs';

const READY_MS = 120_000;
const COMPLETE_MS = 600_000;
const HOUR_MS = 3_600_000;
const QUEUE = 'backfill-replay';

const folder = mkdtempSync(path.join(os.tmpdir(), 'candlefleet-demo-'));
// Open to the server's unprivileged user, so that as root its files are here too, and go with the rest.
chmodSync(folder, 0o755);
try {
  await demo('simulated market', simulatedMarket());
  const shared = sharedFolder();
  if (shared) await demo('real recordings', await realRecordings(shared));
  else console.log('real recordings: skipped, there is no ../shared beside this checkout');
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** The seeded watchlist, and a fourth timeframe of one symbol whose first request is refused. */
function simulatedMarket() {
  const toMs = Math.floor(Date.now() / (4 * HOUR_MS)) * 4 * HOUR_MS;
  const bounds = ['--from', iso(toMs - 2_400 * HOUR_MS), '--to', iso(toMs)];
  return {
    market: createSimulatedMarket({ seed: 7, symbols: [...SIMULATED_SYMBOLS] }),
    flags: ['--seed', '7'],
    failing: { symbol: 'ETH/USDT', timeframe: '4h' },
    latencyMs: 400,
    add: ['symbols', 'add', 'ETH/USDT', '--provider', 'replay', '--timeframes', '4h', ...bounds],
  };
}

/** Every crypto file of candles that ../shared has; the first request for one of them is refused. */
async function realRecordings(shared) {
  const place = path.join(folder, 'recordings');
  mkdirSync(place);
  writeFileSync(path.join(place, 'recordings.json'), JSON.stringify(sharedRecordings(shared)));
  const market = await openRecordings(place);
  const { symbol, timeframe } = market.series[0];
  return { market, flags: ['--recordings', place], failing: { symbol, timeframe }, latencyMs: 100 };
}

async function demo(name, { market, flags, failing, latencyMs, add }) {
  const startedAt = performance.now();
  const step = (text) =>
    console.log(`${name}: ${text} (${Math.round((performance.now() - startedAt) / 1_000)} s)`);
  const dataDir = path.join(folder, name.replace(' ', '-'));
  mkdirSync(dataDir);
  const plan = path.join(folder, 'faults.json');
  const faults = [
    { kind: 'symbol_refused', rate: 1, times: 1, ...failing },
    { kind: 'latency', rate: 1, delayMs: latencyMs },
  ];
  writeFileSync(plan, JSON.stringify({ faults }));
  const fleet = startFleet(dataDir, ['--source', 'replay', '--faults', plan, ...flags]);
  try {
    await waitUntil('the fleet to be ready', () => fleet.log().includes('candlefleet is ready'), READY_MS);
    step('ready');
    if (add) await fleet.command(...add);
    await observe(fleet, { market, failing, step });
    const { code, left } = await fleet.pressCtrlC();
    expect('what Ctrl-C leaves', { code, left }, { code: 0, left: [] });
    step('ended by Ctrl-C: exit 0, no process left');
  } catch (error) {
    console.error(`${name}: npm start said\n${fleet.log()}`);
    throw error;
  } finally {
    fleet.kill();
  }
}

async function observe(fleet, { market, failing, step }) {
  const sql = postgres(await fleet.command('url'), { max: 1, onnotice: () => {} });
  try {
    const executionId = await failedExecution(sql, failing);
    step(`execution ${executionId} has failed`);
    step(`worker process ${await killWorkerAtWork(sql)} killed at work`);
    await retryInBullBoard(fleet, executionId);
    step('the failed execution is retried in Bull Board');
    await waitUntil('every series to be complete', () => isComplete(fleet), COMPLETE_MS);
    const [row] =
      await sql`select status, retry_count from backfill_state_persistent where execution_id = ${executionId}`;
    expect('the retried execution', { ...row }, { status: 'completed', retry_count: 1 });
    const [{ lost }] = await sql`select count(*)::int as lost from execution_attempts where outcome = 'lost'`;
    expect('attempts that the killed worker lost', lost > 0, true);
    step(`complete: ${await compareRows(sql, market)} stored candles are the source's, row by row`);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

async function killWorkerAtWork(sql) {
  const pid = await waitUntil('a worker to be at work', async () => {
    const [busy] = await sql`select w.pid from backfill_state_persistent e join workers w using (worker_id)
      where e.status = 'in_progress' and e.records_inserted > 0 limit 1`;
    return busy?.pid;
  });
  process.kill(pid, 'SIGKILL');
  return pid;
}

function failedExecution(sql, { symbol, timeframe }) {
  return waitUntil(`an execution of ${symbol} ${timeframe} to fail`, async () => {
    const [failed] = await sql`select execution_id from backfill_state_persistent
      where status = 'failed' and symbol = ${symbol} and timeframe = ${timeframe}`;
    return failed?.execution_id;
  });
}

/** As the board's own page does it. */
async function retryInBullBoard(fleet, executionId) {
  const board = new URL('/queues/api/queues', fleet.runFile().dashboardUrl);
  await waitUntil('the job to be failed in Bull Board', async () => {
    const answer = await fetch(`${board}?activeQueue=${QUEUE}&status=failed&page=1`);
    const { queues } = await answer.json();
    return queues.find((one) => one.name === QUEUE)?.jobs.some((job) => job.id === executionId);
  });
  const answer = await fetch(`${board}/${QUEUE}/${executionId}/retry`, { method: 'PUT' });
  expect('the answer to the retry', answer.status, 204);
}

async function isComplete(fleet) {
  const { complete } = JSON.parse(await fleet.command('status', '--json'));
  return complete;
}

/** Answers how many. */
async function compareRows(sql, market) {
  const nowMs = Date.now();
  let count = 0;
  const series =
    await sql`select t.series_id, t.symbol, t.timeframe, to_ms(wanted_from) as from, to_ms(wanted_to) as to
    from tracked_series t`;
  for (const one of series) {
    const rows = await sql`select to_ms(time) as "openMs", open, high, low, close, volume from market_data
      where series_id = ${one.series_id} order by time`;
    // Stored candles end where the tail is; before that the source must have nothing more, and nothing else.
    const toMs = one.to ?? (rows.at(-1)?.openMs ?? 0) + 1;
    const truth = market.candles({ ...one, fromMs: one.from, toMs, limit: Number.POSITIVE_INFINITY, nowMs });
    const label = `${one.symbol} ${one.timeframe}`;
    expect(`the count of ${label}`, rows.length, truth.length);
    rows.forEach((row, index) => expect(`${label} row ${index}`, { ...row }, truth[index]));
    count += rows.length;
  }
  return count;
}

function expect(what, actual, wanted) {
  if (isDeepStrictEqual(actual, wanted)) return;
  throw new Error(`${what}: ${JSON.stringify(actual)}, where ${JSON.stringify(wanted)} was expected`);
}

function iso(ms) {
  return new Date(ms).toISOString();
}
