import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createTestDatabase, waitUntil, type TestDatabase } from '@candlefleet/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeDataDir, PROGRAM, runProgram, startProgram } from './program.js';

const DAY_MS = 24 * 60 * 60_000;
const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;

const folder = makeDataDir();
let database: TestDatabase;
let fleet: ReturnType<typeof startProgram>;

// One fleet for all: offline, so that auto shows the simulated market. Each test has a symbol or timeframe of its own.
beforeAll(async () => {
  database = await createTestDatabase();
  fleet = startProgram(['--data-dir', folder.dataDir, 'up'], { DATABASE_URL: database.url, UP_WORKERS: '1' });
  await fleet.said('candlefleet is ready');
});
afterAll(async () => {
  const { code } = await fleet.end('SIGTERM');
  await database.drop();
  folder.remove();
  if (code !== 0) throw new Error(`up ended with ${code}:\n${fleet.all()}`);
});

const run = (...args: string[]) => runProgram(['--data-dir', folder.dataDir, ...args]);
async function json(...args: string[]) {
  const { code, stdout, stderr } = await run(...args, '--json');
  expect(stderr).toBe('');
  return { code, value: JSON.parse(stdout) };
}
const add = (timeframe: string, ...more: string[]) =>
  json('symbols', 'add', 'BTC/USDT', '--provider', 'replay', '--timeframes', timeframe, ...more);

describe.concurrent('against a running fleet', () => {
  test('up --source auto without a network says so, and shows the simulated market', () => {
    expect(fleet.all()).toContain('binance does not answer');
    expect(fleet.all()).toContain('No exchange answers: you are offline. Showing a simulated market');
    expect(fleet.all()).toContain('a simulated market (its candles are made up)');
  });

  test('status tells every series, the workers and the URLs', async () => {
    const { code, value } = await json('status');
    expect(code).toBe(0);
    expect(value).toMatchObject({ workers: [{ isAlive: true }], executions: { failed: 0 } });
    expect(value.dashboardUrl).toMatch(/^http:/);
    expect(value.series[0]).toMatchObject({
      provider: 'replay',
      wantedCandles: expect.any(Number),
      storedCandles: expect.any(Number),
      missingCandles: expect.any(Number),
      gapCandles: 0,
      state: expect.any(String),
    });
  });

  test('a backfill is bounded to closed candles on the grid, tells its cost, waits, and is exported', async () => {
    const { value: added } = await add('4h', '--from', day(today - 30 * DAY_MS));
    expect(added.series).toEqual([
      { timeframe: '4h', from: new Date(today - 30 * DAY_MS).toISOString(), to: null },
    ]);
    const from = `${day(today - 10 * DAY_MS)}T01:00Z`;
    const flags = ['--symbol', 'BTC/USDT', '--timeframe', '4h', '--from', from];
    const dry = await run('backfill', ...flags, '--dry-run');
    expect(dry.stderr).toContain(`--from is moved to ${day(today - 10 * DAY_MS)} 04:00`);
    expect(dry.stdout).toMatch(/candles are missing, \d requests, about \d+ s|Nothing is to be fetched/);
    const waited = await run('backfill', ...flags, '--to', day(today - DAY_MS), '--wait');
    expect(waited.code).toBe(0);
    const { stdout } = await run('export', 'BTC/USDT', '4h', '--from', from, '--format', 'jsonl');
    const rows = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows[0].time).toBe(`${day(today - 10 * DAY_MS)}T04:00:00.000Z`);
    expect(rows.length).toBeGreaterThanOrEqual(53);
  });

  test('the day that is still forming is not missing: --wait does not block until midnight', async () => {
    const flags = ['--symbol', 'ETH/USDT', '--timeframe', '1d', '--from', day(today - 5 * DAY_MS), '--wait'];
    const { code, value } = await json('backfill', ...flags, '--to', day(today + DAY_MS));
    expect(code).toBe(0);
    expect(value.to).toBe(new Date(today).toISOString());
    // Just after midnight, the day before waits for its tail.
  }, 180_000);

  test('a stretch in which no candle has closed is told', async () => {
    const flags = ['--symbol', 'ETH/USDT', '--timeframe', '1d', '--from', day(today)];
    const { code, stderr } = await run('backfill', ...flags);
    expect(stderr).toContain('the last closed one opened at');
    expect(code).toBe(2);
  });

  test('symbols are paused, resumed, listed, found and removed', async () => {
    const key = ['SOL/USDT', '--provider', 'replay'];
    expect((await json('symbols', 'pause', ...key)).value).toMatchObject({ active: false });
    expect((await run('symbols', 'list')).stdout).toMatch(/SOL\/USDT +1m 1h 1d .*paused/);
    expect((await json('symbols', 'resume', ...key)).value).toMatchObject({ active: true });
    expect((await run('symbols', 'find', 'sol', '--provider', 'replay')).stdout).toContain('SOL/USDT');
    expect((await run('symbols', 'remove', ...key)).stdout).toContain('no longer tracked');
    const again = await run('symbols', 'remove', ...key);
    expect(again).toMatchObject({ code: 1 });
    expect(again.stderr).toContain('is not tracked');
  });

  test('executions are listed and shown; what cannot be retried or cancelled is told', async () => {
    const done = await waitUntil('a completed execution', async () => {
      const { value } = await json('executions', 'list', '--status', 'completed', '--limit', '1');
      return value[0];
    });
    const { value: shown } = await json('executions', 'show', done.executionId);
    expect(shown).toMatchObject({ executionId: done.executionId, attempts: expect.any(Array) });
    expect((await run('executions', 'retry', done.executionId)).stdout).toContain('Only failed executions');
    expect((await run('executions', 'cancel', done.executionId)).stdout).toContain('0 of 1 cancelled');
    expect(Array.isArray((await json('executions', 'list', '--active')).value)).toBe(true);
  });

  test('an export whose reader has enough ends quietly', async () => {
    const pipe = `${process.execPath} ${PROGRAM} --data-dir ${folder.dataDir} export ETH/USDT 1d | head -1`;
    const child = spawn('bash', ['-o', 'pipefail', '-c', pipe], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (part: string) => (stderr += part));
    const [code] = await once(child, 'close');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('url gives a connection that reads and cannot write', async () => {
    expect((await json('url')).value.url).toMatch(/^postgres:\/\/candlefleet_reader/);
  });

  test('doctor finds nothing wrong', async () => {
    const { code, value } = await json('doctor');
    expect(value.findings.filter((one: { ok: boolean }) => !one.ok)).toEqual([]);
    expect(code).toBe(0);
  });

  test('doctor --deep finds nothing wrong while the fleet is at work, and tells what it checked', async () => {
    const { code, value } = await json('doctor', '--deep');
    expect(value.findings.filter((one: { ok: boolean }) => !one.ok)).toEqual([]);
    expect(value.findings.map((one: { check: string }) => one.check)).toEqual(
      expect.arrayContaining(['candles.unique', 'coverage.totals', 'executions.held', 'series.planned']),
    );
    expect(code).toBe(0);
  });

  test('migrate finds the schema there', async () => {
    expect((await json('migrate')).value).toEqual({ migrated: true });
  });

  test.each([
    [
      ['symbols', 'add', 'DOGE/USDT', '--provider', 'replay', '--timeframes', '1h'],
      2,
      'replay has no symbol DOGE/USDT',
    ],
    [['symbols', 'add', 'BTC', '--provider', 'replay', '--timeframes', '1h'], 2, 'write it as BASE/QUOTE'],
    [['symbols', 'add', 'BTC/USDT', '--provider', 'replay', '--timeframes', '7h'], 2, 'There are 1m, 5m'],
    [['symbols', 'find', 'btc', '--provider', 'nosuch'], 2, 'There is no provider "nosuch"'],
    [['backfill', '--symbol', 'BTC/USDT', '--timeframe', '15m', '--from', '2024-01-01'], 1, 'is not tracked'],
    [
      ['backfill', '--symbol', 'BTC/USDT', '--timeframe', '1h', '--from', '2024-02-30'],
      2,
      'write it as 2024-01-31',
    ],
    [['backfill', '--symbol', 'BTC/USDT', '--timeframe', '1h', '--from', '2012-01-01'], 2, 'Widen it first'],
    [['export', 'BTC/USDT', '1h', '--format', 'xml'], 2, 'there are csv and jsonl'],
    [['executions', 'show', 'x'], 2, 'a UUID was expected'],
    [['executions', 'list', '--status', 'odd'], 2, 'there are pending, in_progress'],
    [['doctor', '--symbol', 'BTC/USDT'], 2, 'add --deep'],
    [['reset'], 2, 'reset --yes'],
    [['reset', '--yes'], 1, 'is in use by process'],
    [['up'], 1, 'is in use by process'],
  ])('%j ends with %i and says: %s', async (args, code, message) => {
    const ended = await run(...args);
    expect(ended.stderr).toContain(message);
    expect(ended.code).toBe(code);
  });
});

describe.concurrent('where no fleet runs', () => {
  const nowhere = ['--data-dir', '/nowhere'];
  test.each([['status'], ['symbols', 'list'], ['url'], ['doctor'], ['worker']].map((args) => [args]))(
    '%j says so and ends with 3',
    async (args) => {
      const { code, stdout, stderr } = await runProgram([...nowhere, ...args]);
      expect(stdout + stderr).toContain('No fleet runs in /nowhere');
      expect(code).toBe(3);
    },
  );

  test('with --json, an error is JSON too: a wrong flag, and no fleet', async () => {
    const [flag, none] = await Promise.all([
      runProgram([...nowhere, 'status', '--nope', '--json']),
      runProgram([...nowhere, 'status', '--json']),
    ]);
    expect(JSON.parse(flag.stderr).error).toEqual({ code: 'bad_input', message: "unknown option '--nope'" });
    expect(JSON.parse(none.stderr).error.code).toBe('not_running');
  });

  test('every mistake in the environment is told at once, and no secret', async () => {
    const { code, stderr } = await runProgram(['status'], {
      WORKER_CONCURRENCY: 'many',
      LOG_LEVEL: 'loud',
      DATABASE_URL: 'mysql://u:CANARY@host/d',
      PROVIDER_API_KEY_KRAKEN: 'CANARY',
    });
    expect(code).toBe(2);
    for (const line of [
      'WORKER_CONCURRENCY="many": a whole number from 1 to 256 was expected',
      'LOG_LEVEL="loud": one of trace, debug',
      'DATABASE_URL="…": write it as postgres://',
      'PROVIDER_API_KEY_KRAKEN is set without PROVIDER_SECRET_KRAKEN',
    ])
      expect(stderr).toContain(line);
    expect(stderr).not.toContain('CANARY');
  });

  test('a database that does not answer, or lacks the schema, is told with what to do', async () => {
    const empty = await createTestDatabase({ empty: true });
    const [away, bare] = await Promise.all([
      runProgram(['status'], { DATABASE_URL: 'postgres://u:p@127.0.0.1:1/d' }),
      runProgram(['status'], { DATABASE_URL: empty.url }),
    ]);
    await empty.drop();
    expect(away.stderr).toContain('The database at 127.0.0.1:1 does not answer (ECONNREFUSED)');
    expect(bare.stderr).toContain('`candlefleet migrate` brings it');
  });
});
