import type { ProviderTraits } from '@candlefleet/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectDatabase } from '../src/connect.js';
import { runDeepChecks } from '../src/checks/run-deep-checks.js';
import type { DeepCheckOptions } from '../src/checks/scope.js';
import { lead } from '../src/leader.js';
import { candles, createFleetFixture, MINUTE, range, START, type FleetFixture } from './fleet-fixture.js';

const TRAITS: ProviderTraits = {
  provider: 'test',
  assetClasses: ['crypto'],
  timeframes: ['1m'],
  pageLimit: 1_000,
  omitsEmptyCandles: false,
  revisionWindow: 3,
  settleDelayMs: 0,
  budget: { limit: 6_000, windowMs: 60_000 },
  pageWeight: 1,
};

let fleet: FleetFixture;
let worker: string;
beforeEach(async () => {
  fleet = await createFleetFixture();
  worker = await fleet.worker();
});
afterEach(() => fleet.close());

const check = (options: Partial<DeepCheckOptions> = {}) =>
  runDeepChecks(fleet.db, { traitsOf: () => TRAITS, ...options });

/** The rules that are red, with their evidence. */
async function red(options: Partial<DeepCheckOptions> = {}) {
  const findings = await check(options);
  return findings.filter((one) => !one.ok).map(({ check: name, evidence }) => [name, evidence]);
}

/** Minutes 50 to 100 stored, one revised, one refused, one in doubt; attempts of every kind; 0 to 40 pending and at work. */
async function beBusy(): Promise<{ done: string; running: string; pending: string }> {
  const done = await fleet.planned(50, 100);
  const first = await fleet.claimed(worker, done);
  await fleet.chunk(first, 50, 70);
  await fleet.finish(first, 'retry', { delayMs: 0 });
  const second = await fleet.claimed(worker, done);
  await fleet.finish(second, 'handed_back', { delayMs: 0 });
  const third = await fleet.claimed(worker, done);
  await fleet.chunk(third, 69, 98, {
    candles: candles(69, 98, (minute) => (minute === 69 ? 7 : 100 + minute)),
    proven: [range(69, 97)],
    unconfirmed: [range(98, 100)],
    answered: [range(69, 100)],
    rejected: candles(98, 99).map((candle) => ({
      candle: { ...candle, high: 0 },
      reason: 'high_below_body',
    })),
  });
  await fleet.chunk(third, 97, 98);
  await fleet.claim(worker, '00000000-0000-5000-8000-000000000001', fleet.tail(90, 98, 101));
  const running = await fleet.planned(20, 40);
  await fleet.chunk(await fleet.claimed(worker, running), 30, 40);
  const pending = await fleet.planned(0, 20);
  return { done, running, pending };
}

test('a healthy, busy fleet is green in every rule', async () => {
  await beBusy();
  const findings = await check();
  expect(findings.filter((one) => !one.ok)).toEqual([]);
  expect(findings.map((one) => one.check)).toEqual([
    'database.indexes',
    'database.constraints',
    'rows.as_declared',
    'executions.held',
    'executions.moving',
    'executions.fences',
    'executions.counters',
    'executions.settled',
    'series.planned',
    'coverage.shape',
    'coverage.totals',
    'coverage.unconfirmed',
    'candles.aligned',
    'candles.closed',
    'candles.valid',
    'candles.proven',
    'candles.unique',
  ]);
});

/** Each breaks what one rule guards, as its superuser can, and nothing else. */
const BREAKS: readonly {
  rule: string;
  how: string;
  sql: string[];
  evidence: Record<string, unknown>;
  options?: Partial<DeepCheckOptions>;
}[] = [
  {
    rule: 'candles.unique',
    how: 'a row that the broken index of the key does not know, beside the one that it knows',
    sql: [
      `update pg_index set indisready = false where indexrelid = 'market_data_series_id_time_pk'::regclass`,
      `insert into market_data select * from market_data where time = ${at(60)}`,
      `update pg_index set indisready = true where indexrelid = 'market_data_series_id_time_pk'::regclass`,
    ],
    evidence: { time: '2024-01-01 01:00:00+00', byKey: '{"(0,11)"}' },
  },
  {
    rule: 'candles.unique',
    how: 'a row that is there twice, without a key, and counted twice',
    sql: [
      `alter table market_data drop constraint market_data_series_id_time_pk`,
      `insert into market_data select * from market_data where time = ${at(60)}`,
      `update series_coverage set candle_count = candle_count + 1`,
      `update backfill_state_persistent set records_inserted = records_inserted + 1 where kind = 'history' and status = 'completed'`,
    ],
    evidence: { time: '2024-01-01 01:00:00+00' },
  },
  {
    rule: 'candles.aligned',
    how: 'a candle half a minute off',
    sql: [`update market_data set time = time + interval '30 seconds' where time = ${at(60)}`],
    evidence: { time: '2024-01-01T01:00:30.000Z' },
  },
  {
    rule: 'candles.aligned',
    how: 'a candle a microsecond off',
    sql: [`update market_data set time = time + interval '1 microsecond' where time = ${at(60)}`],
    evidence: { openMs: '1704070800000.001' },
  },
  {
    rule: 'candles.closed',
    how: 'a candle that was stored half a minute after it opened',
    sql: [`update market_data set created_at = time + interval '30 seconds' where time = ${at(60)}`],
    evidence: { time: '2024-01-01T01:00:00.000Z', stored: '2024-01-01T01:00:30.000Z' },
  },
  {
    rule: 'candles.valid',
    how: 'a high that is no number',
    sql: [`update market_data set high = 'NaN' where time = ${at(60)}`],
    evidence: { high: 'NaN' },
  },
  {
    rule: 'candles.valid',
    how: 'a low above the body',
    sql: [`update market_data set low = 101 where time = ${at(60)}`],
    evidence: { low: '101' },
  },
  {
    rule: 'candles.proven',
    how: 'coverage that lacks the minute of a candle',
    sql: [`update series_coverage set covered = covered - ${minutes(35, 36)}`],
    evidence: { time: '2024-01-01T00:35:00.000Z' },
  },
  {
    rule: 'coverage.shape',
    how: 'coverage of the future',
    sql: [`update series_coverage set covered = covered + '{[2100-01-01,2100-01-02)}'`],
    evidence: { fault: 'covers what has not been yet' },
  },
  {
    rule: 'coverage.shape',
    how: 'a range that includes its end',
    sql: [`update series_coverage set covered = covered + '{[2023-01-01,2023-01-02]}'`],
    evidence: { fault: 'has a range without ends, or with its end included' },
  },
  {
    rule: 'coverage.totals',
    how: 'another newest candle than the newest',
    sql: [`update series_coverage set last_candle = last_candle - interval '1 minute'`],
    evidence: { stored: 58, candleCount: 58 },
  },
  {
    rule: 'coverage.totals',
    how: 'a lost candle that was counted',
    sql: [`delete from market_data where time = ${at(60)}`],
    evidence: { stored: 57, candleCount: 58 },
  },
  {
    rule: 'coverage.unconfirmed',
    how: 'a doubt without a date',
    sql: [`delete from unconfirmed_ranges`],
    evidence: { fault: 'is not the sum of unconfirmed_ranges' },
  },
  {
    rule: 'coverage.unconfirmed',
    how: 'a doubt about what is beyond reach',
    sql: [`update series_coverage set unavailable = unconfirmed`],
    evidence: { fault: 'in doubt, and covered or unavailable as well' },
  },
  {
    rule: 'executions.held',
    how: 'a worker whose lease ran out, and nobody to take back what it held',
    sql: [`update workers set lease_until = clock_timestamp() - interval '2 minutes'`],
    evidence: { kind: 'history' },
  },
  {
    rule: 'executions.held',
    how: 'a worker that never was',
    sql: [`delete from workers`],
    evidence: { leaseUntil: null },
    options: { lostWorkerMs: 0 },
  },
  {
    rule: 'executions.moving',
    how: 'a due execution, while workers live and nothing moves',
    sql: [],
    evidence: { pendingReason: 'planned' },
    options: { patienceMs: 0 },
  },
  {
    rule: 'executions.moving',
    how: 'a due execution that later ones overtook, while the others move',
    sql: [
      `update workers set started_at = started_at - interval '1 hour'`,
      `update backfill_state_persistent set not_before = not_before - interval '1 hour' where status = 'pending'`,
    ],
    evidence: { pendingReason: 'planned' },
  },
  {
    rule: 'rows.as_declared',
    how: 'a completed row with a reason to wait',
    sql: [
      `alter table backfill_state_persistent drop constraint bsp_pending`,
      `update backfill_state_persistent set pending_reason = 'planned' where outcome = 'stored'`,
    ],
    evidence: { constraint: 'bsp_pending', rows: 1 },
  },
  {
    rule: 'rows.as_declared',
    how: 'two holders of one stretch',
    sql: [
      `alter table backfill_state_persistent drop constraint bsp_one_holder`,
      `update backfill_state_persistent set status = 'in_progress', pending_reason = null, fence = 1, started_at = clock_timestamp(),
        range = (select range from backfill_state_persistent where status = 'in_progress'),
        worker_id = (select worker_id from workers) where status = 'pending'`,
    ],
    evidence: { constraint: 'bsp_one_holder' },
  },
  {
    rule: 'executions.fences',
    how: 'a claim that left no attempt',
    sql: [`delete from execution_attempts where fence = 2`],
    evidence: { fence: 3, attempts: 1 },
  },
  {
    rule: 'executions.fences',
    how: 'an attempt under a later fence than the row ever had',
    sql: [`update execution_attempts set fence = 9 where fence = 2`],
    evidence: { newestFence: 9 },
  },
  {
    rule: 'executions.fences',
    how: 'an attempt that began before the one before it ended',
    sql: [`update execution_attempts set started_at = started_at - interval '1 minute' where fence = 2`],
    evidence: { outOfOrder: true },
  },
  {
    rule: 'executions.counters',
    how: 'a candle that somebody stored under no fence',
    sql: [
      `update series_coverage set candle_count = candle_count + 1, covered = covered + ${minutes(45, 46)}`,
      `insert into market_data select series_id, ${at(45)}, open, high, low, close, volume from market_data where time = ${at(60)}`,
    ],
    evidence: { inserted: 58, candles: 59 },
  },
  {
    rule: 'executions.counters',
    how: 'a revision that is gone',
    sql: [`delete from candle_revisions`],
    evidence: { updated: 1, revisions: 0 },
  },
  {
    rule: 'executions.settled',
    how: 'a completed execution whose doubts were forgotten',
    sql: [`delete from unconfirmed_ranges`, `update series_coverage set unconfirmed = '{}'`],
    evidence: { kind: 'history' },
  },
  {
    rule: 'database.indexes',
    how: 'an index whose building was broken off',
    sql: [`update pg_index set indisvalid = false where indexrelid = 'audit_log_subject'::regclass`],
    evidence: { index: 'audit_log_subject', table: 'audit_log' },
  },
  {
    rule: 'database.constraints',
    how: 'a constraint that was not validated',
    sql: [
      `alter table backfill_state_persistent drop constraint bsp_failed`,
      `alter table backfill_state_persistent add constraint bsp_failed check (status <> 'failed' or error_code is not null) not valid`,
    ],
    evidence: { name: 'bsp_failed', fault: 'not validated' },
  },
  {
    rule: 'database.constraints',
    how: 'a trigger that is off',
    sql: [`alter table audit_log disable trigger append_only`],
    evidence: { name: 'append_only', fault: 'disabled' },
  },
];

test.each(BREAKS)('$rule, and it alone, is red for $how', async ({ sql, rule, evidence, options }) => {
  await beBusy();
  for (const statement of sql) await fleet.db.sql.unsafe(statement);
  expect(await red(options)).toEqual([[rule, expect.arrayContaining([expect.objectContaining(evidence)])]]);
});

test('what waits in a queue that a person paused is not stuck', async () => {
  await beBusy();
  expect(await red({ patienceMs: 0, pausedProviders: ['test'] })).toEqual([]);
});

test('series.planned is red for what nobody has planned, while a producer leads and has had the time', async () => {
  await fleet.chunk(await fleet.claimed(worker, await fleet.planned(50, 100)), 50, 100);
  const forgotten = [
    'series.planned',
    [{ seriesId: fleet.seriesId, series: 'test A/B 1m', from: iso(0), to: iso(50), ranges: 1 }],
  ];
  // Nobody leads: it waits.
  expect(await red({ patienceMs: 0 })).toEqual([]);
  const stop = new AbortController();
  const leadership = await lead({
    url: fleet.db.url,
    applicationName: 'test leader',
    onNotify: () => {},
    retryMs: 10,
    signal: stop.signal,
  });
  try {
    expect(await red({ patienceMs: 0 })).toEqual([forgotten]);
    // The planner may not have come to it yet.
    expect(await red()).toEqual([]);
    await fleet.planned(0, 50);
    expect(await red({ patienceMs: 0, pausedProviders: ['test'] })).toEqual([]);
  } finally {
    await leadership?.release();
  }
});

test('a rule that waits for a lock in vain is told as not checked, and the others are checked', async () => {
  await beBusy();
  const hasty = connectDatabase({ url: fleet.db.url, applicationName: 'test', deadlineMs: 600 });
  try {
    const findings = await fleet.db.sql.begin(async (sql) => {
      await sql`lock table candle_revisions`;
      return runDeepChecks(hasty, { traitsOf: () => TRAITS });
    });
    expect(findings.filter((one) => !one.ok)).toMatchObject([
      { check: 'executions.counters', found: expect.stringContaining('not checked') },
    ]);
  } finally {
    await hasty.close();
  }
});

test('only the series asked about is judged, and the progress ends where it said', async () => {
  await beBusy();
  await fleet.db.sql.unsafe(`update market_data set high = 0 where time = ${at(60)}`);
  const told: number[][] = [];
  const onProgress = ({ done, total }: { done: number; total: number }) => void told.push([done, total]);
  expect(await red({ symbol: 'C/D' })).toEqual([]);
  expect(await red({ symbol: 'A/B', onProgress })).toMatchObject([['candles.valid', [{ high: '0' }]]]);
  expect(told.at(-1)).toEqual([116, 116]);
});

test('candles of a series that nobody knows are found', async () => {
  await fleet.db.sql.unsafe(`insert into market_data values (777, ${at(1)}, 1, 1, 1, 1, 0)`);
  expect((await red()).map(([rule]) => rule)).toEqual([
    'coverage.shape',
    'coverage.totals',
    'candles.proven',
  ]);
});

function at(minute: number): string {
  return `'${iso(minute)}'::timestamptz`;
}

function iso(minute: number): string {
  return new Date(START + minute * MINUTE).toISOString();
}

function minutes(from: number, to: number): string {
  return `tstzmultirange(tstzrange(${at(from)}, ${at(to)}))`;
}
