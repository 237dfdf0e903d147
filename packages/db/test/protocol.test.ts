import { newExecutionId, type Range } from '@candlefleet/core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { cancelExecutions, retryExecutions } from '../src/queries/change-executions.js';
import { countOutstanding, findMissing } from '../src/queries/find-missing.js';
import { listDueExecutions } from '../src/queries/plan-executions.js';
import { reapExecutions } from '../src/queries/reap-executions.js';
import { readRun, startRun } from '../src/queries/runs.js';
import { setSymbolActive, trackSymbol, untrackSymbol } from '../src/queries/watchlist.js';
import {
  candles,
  createFleetFixture,
  range,
  START,
  MINUTE,
  SYMBOL,
  type FleetFixture,
} from './fleet-fixture.js';

let fleet: FleetFixture;
let worker: string;

beforeAll(async () => {
  fleet = await createFleetFixture();
});
beforeEach(async () => {
  const { sql } = fleet.db;
  await sql`truncate backfill_state_persistent, execution_attempts, market_data, candle_revisions, rejected_candles,
    symbol_failure_tracking, workers, backfill_runs, unconfirmed_ranges cascade`;
  await sql`update series_coverage set covered = '{}', unconfirmed = '{}', unavailable = '{}', last_candle = null,
    candle_count = 0`;
  await sql`update series set origin = null`;
  await setSymbolActive(fleet.db, { ...SYMBOL, active: true }, 'test');
  worker = await fleet.worker();
});
afterAll(() => fleet.close());

const missingNow = async () => {
  const found = await findMissing(fleet.db, [
    { provider: 'test', timeframe: '1m', toMs: START + 1_000 * MINUTE },
  ]);
  return found.flatMap((one) => one.missing);
};

/** What is unconfirmed, in the series' minutes. */
const unconfirmed = async () => [
  ...(await fleet.db.sql<{ from: number; to: number; asks: number; dueInMinutes: number }[]>`
    select ((to_ms(lower(range)) - ${START}) / ${MINUTE})::int as from,
      ((to_ms(upper(range)) - ${START}) / ${MINUTE})::int as to, asks,
      round(extract(epoch from due_at - clock_timestamp()) / 60)::int as "dueInMinutes"
    from unconfirmed_ranges order by range`),
];

/** A chunk that shows nothing of these stretches. */
const doubt = (
  held: Parameters<FleetFixture['chunk']>[0],
  ranges: Range[],
  rejected: NonNullable<Parameters<FleetFixture['chunk']>[3]>['rejected'] = [],
) => fleet.chunk(held, 0, 0, { candles: [], proven: [], answered: [], unconfirmed: ranges, rejected });

describe('T1, planning', () => {
  test('writes a pending row, and none on a stretch that a pending or running one has', async () => {
    const id = await fleet.planned(10, 20);
    expect(await fleet.state(id)).toMatchObject({ status: 'pending', reason: 'planned', fence: 0 });
    expect(await fleet.plan(19, 30)).toEqual([]);
    await fleet.claimed(worker, id);
    expect(await fleet.plan(19, 30)).toEqual([]);
    expect(await fleet.plan(20, 30)).toHaveLength(1);
  });

  test('plans nothing for a paused symbol, and nothing that lies in the future', async () => {
    await setSymbolActive(fleet.db, { ...SYMBOL, active: false }, 'test');
    expect(await fleet.plan(0, 10)).toEqual([]);
    await setSymbolActive(fleet.db, { ...SYMBOL, active: true }, 'test');
    const future = (Date.now() - START) / MINUTE + 100;
    expect(await fleet.plan(0, future)).toEqual([]);
  });

  test('what is missing is what is wanted, less what is settled, taken, cancelled by a person or failed lately', async () => {
    expect(await missingNow()).toEqual([range(0, 100)]);
    const taken = await fleet.planned(0, 10);
    const failed = await fleet.claimed(worker, await fleet.planned(10, 20));
    await fleet.finish(failed, 'failed');
    const stored = await fleet.claimed(worker, await fleet.planned(20, 30));
    await fleet.chunk(stored, 20, 30);
    await cancelExecutions(fleet.db, [await fleet.planned(30, 40)], 'somebody');
    expect(await missingNow()).toEqual([range(40, 100)]);
    await fleet.db
      .sql`update backfill_state_persistent set replan_after = clock_timestamp() - interval '1 s' where status = 'failed'`;
    expect(await missingNow()).toEqual([range(10, 20), range(40, 100)]);
    expect(taken).toBeTruthy();
  });

  test('a stretch that fails again and again is left alone for 1 hour, then 2, 4 … 24; tails that fail do not count', async () => {
    const hours: number[] = [];
    for (let n = 0; n < 7; n += 1) {
      await fleet.finish(await fleet.claimed(worker, await fleet.planned(0, 10)), 'failed');
      const [row] = await fleet.db.sql<
        { hours: number }[]
      >`select extract(epoch from replan_after - clock_timestamp())
        / 3600 as hours from backfill_state_persistent order by completed_at desc limit 1`;
      hours.push(Math.round(Number(row?.hours)));
    }
    expect(hours).toEqual([1, 2, 4, 8, 16, 24, 24]);
    await fleet.finish(await fleet.claimed(worker, await fleet.planned(10, 20)), 'failed');
    expect(await missingNow()).toEqual([range(20, 100)]);
    const [other] = await fleet.db.sql<
      { hours: number }[]
    >`select extract(epoch from replan_after - clock_timestamp())
      / 3600 as hours from backfill_state_persistent order by completed_at desc limit 1`;
    expect(Math.round(Number(other?.hours))).toBe(1);
  });

  test('what is under way is counted by provider, tails apart, also when nothing else of a series is missing', async () => {
    await fleet.planned(0, 60);
    await fleet.claimed(worker, await fleet.planned(60, 100));
    expect(await missingNow()).toEqual([]);
    expect([...(await countOutstanding(fleet.db))]).toEqual([['test', 2]]);
  });

  test("a person's run is not over because its stretch failed before", async () => {
    await fleet.finish(await fleet.claimed(worker, await fleet.planned(30, 40)), 'failed');
    const request = { requestedBy: 'me', candlesEstimated: 10, requestsEstimated: 1 };
    const runId = await startRun(fleet.db, { seriesId: fleet.seriesId, range: range(30, 40), ...request });
    expect(await readRun(fleet.db, runId)).toMatchObject({
      setAside: 0,
      unfinished: 0,
      missing: [range(30, 40)],
    });
    await fleet.finish(await fleet.claimed(worker, await fleet.planned(30, 40)), 'failed');
    expect(await readRun(fleet.db, runId)).toMatchObject({ setAside: 1 });
  });

  test("a person's run asks at once for what is unconfirmed", async () => {
    await doubt(await fleet.claimed(worker, await fleet.planned(0, 10)), [range(2, 4)]);
    const request = { requestedBy: 'me', candlesEstimated: 10, requestsEstimated: 1 };
    const runId = await startRun(fleet.db, { seriesId: fleet.seriesId, range: range(2, 4), ...request });
    expect(await readRun(fleet.db, runId)).toMatchObject({ missing: [range(2, 4)] });
  });

  test("a person's run lifts what a person cancelled, and what failed", async () => {
    await cancelExecutions(fleet.db, [await fleet.planned(30, 40)], 'somebody');
    await startRun(fleet.db, {
      seriesId: fleet.seriesId,
      range: range(35, 36),
      requestedBy: 'me',
      candlesEstimated: 1,
      requestsEstimated: 1,
    });
    expect(await missingNow()).toEqual([range(0, 100)]);
  });
});

describe('T2, claiming', () => {
  test('takes a pending row: fence + 1, the worker, and what is left to fetch', async () => {
    const id = await fleet.planned(0, 10);
    const first = await fleet.claimed(worker, id);
    expect(first).toMatchObject({
      fence: 1,
      kind: 'history',
      range: range(0, 10),
      todo: [range(0, 10)],
      tries: 0,
    });
    await fleet.chunk(first, 4, 6);
    await fleet.finish(first, 'handed_back');
    expect(await fleet.claimed(worker, id)).toMatchObject({ fence: 2, todo: [range(0, 4), range(6, 10)] });
  });

  test('a row that another one holds is held, by whoever asks', async () => {
    const id = await fleet.planned(0, 10);
    await fleet.claimed(worker, id);
    expect(await fleet.claim(worker, id)).toMatchObject({ outcome: 'held' });
    expect(await fleet.claim(await fleet.worker(), id)).toMatchObject({ outcome: 'held' });
  });

  test('a stretch that another execution holds is held', async () => {
    const history = await fleet.planned(0, 10);
    await fleet.claimed(worker, history);
    expect(await fleet.claim(worker, newExecutionId(), fleet.tail(5, 12, 12))).toMatchObject({
      outcome: 'held',
    });
    expect(await fleet.claim(worker, newExecutionId(), fleet.tail(10, 12, 12))).toMatchObject({
      outcome: 'claimed',
    });
  });

  test('waits for not_before, and says how long', async () => {
    const id = await fleet.planned(0, 10);
    await fleet.finish(await fleet.claimed(worker, id), 'retry', { delayMs: 60_000 });
    const answer = await fleet.claim(worker, id);
    expect(answer.outcome).toBe('not_yet');
    expect('waitMs' in answer && answer.waitMs).toBeGreaterThan(50_000);
  });

  test('a worker without a living lease gets nothing', async () => {
    const id = await fleet.planned(0, 10);
    await fleet.expire(worker);
    expect(await fleet.claim(worker, id)).toMatchObject({ outcome: 'no_lease' });
    expect(await fleet.claim(newExecutionId(), id)).toMatchObject({ outcome: 'no_lease' });
    expect(await fleet.state(id)).toMatchObject({ status: 'pending', fence: 0 });
  });

  test('completed, failed, cancelled and unknown executions answer so, and are not run again', async () => {
    const done = await fleet.claimed(worker, await fleet.planned(0, 10));
    await fleet.chunk(done, 0, 10);
    const failed = await fleet.claimed(worker, await fleet.planned(10, 20));
    await fleet.finish(failed, 'failed');
    const cancelled = await fleet.planned(20, 30);
    await cancelExecutions(fleet.db, [cancelled], 'me');
    expect(await fleet.claim(worker, done.executionId)).toEqual({ outcome: 'completed' });
    expect(await fleet.claim(worker, failed.executionId)).toEqual({ outcome: 'failed' });
    expect(await fleet.claim(worker, cancelled)).toEqual({ outcome: 'cancelled' });
    expect(await fleet.claim(worker, newExecutionId())).toEqual({ outcome: 'gone' });
  });

  test('a tail inserts its row only if it gets its stretch, and re-reads the revision window', async () => {
    const id = newExecutionId();
    const tail = await fleet.claimed(worker, id, fleet.tail(0, 10, 10));
    expect(tail).toMatchObject({ fence: 1, kind: 'tail', range: range(0, 10), todo: [range(0, 10)] });
    expect(await fleet.claim(worker, newExecutionId(), fleet.tail(0, 11, 11))).toMatchObject({
      outcome: 'held',
    });
    expect((await fleet.states()).size).toBe(1);
    await fleet.chunk(tail, 0, 10);
    const next = await fleet.claimed(worker, newExecutionId(), fleet.tail(1, 11, 11));
    expect(next.todo).toEqual([range(8, 11)]);
  });

  test('a tail of which the series wants only what lies before the revision window reads nothing again', async () => {
    const tail = await fleet.claimed(worker, newExecutionId(), fleet.tail(90, 110, 110));
    expect(tail).toMatchObject({ range: range(90, 100), todo: [range(90, 100)] });
  });

  test('a tail of a series that has ended is gone; one whose candles have not closed is not yet', async () => {
    expect(await fleet.claim(worker, newExecutionId(), fleet.tail(100, 110, 110))).toEqual({
      outcome: 'gone',
    });
    const future = Math.floor((Date.now() - START) / MINUTE) + 10;
    expect(await fleet.claim(worker, newExecutionId(), fleet.tail(90, future, future))).toMatchObject({
      outcome: 'not_yet',
    });
  });

  test('a batch answers each of its claims, and gives one stretch to one of them', async () => {
    const ids = await Promise.all([fleet.planned(0, 10), fleet.planned(10, 20)]);
    const answers = await Promise.all([
      fleet.claim(worker, ids[0]),
      fleet.claim(worker, ids[1]),
      fleet.claim(worker, newExecutionId(), fleet.tail(5, 30, 30)),
      fleet.claim(worker, newExecutionId()),
    ]);
    expect(answers.map((answer) => answer.outcome)).toEqual(['claimed', 'claimed', 'held', 'gone']);
  });
});

describe('T3, nothing missing', () => {
  test('completes at once, with that outcome', async () => {
    await fleet.chunk(await fleet.claimed(worker, await fleet.planned(0, 10)), 0, 10);
    const id = await fleet.planned(2, 8);
    expect(await fleet.claim(worker, id)).toEqual({ outcome: 'nothing_missing' });
    expect(await fleet.state(id)).toMatchObject({ status: 'completed', outcome: 'nothing_missing' });
    const tail = newExecutionId();
    expect(await fleet.claim(worker, tail, fleet.tail(0, 10, 10))).toEqual({ outcome: 'nothing_missing' });
    expect(await fleet.state(tail)).toMatchObject({ status: 'completed', outcome: 'nothing_missing' });
  });
});

describe('T4 and T5, chunks', () => {
  test('store candles, extend coverage, count, and complete when the whole range is settled', async () => {
    const held = await fleet.claimed(worker, await fleet.planned(0, 10));
    expect(await fleet.chunk(held, 0, 4)).toMatchObject({
      outcome: 'stored',
      inserted: 4,
      todo: [range(4, 10)],
    });
    expect(await fleet.covered()).toEqual([0, 1, 2, 3]);
    expect(await fleet.chunk(held, 4, 10)).toMatchObject({ outcome: 'completed', inserted: 6, todo: [] });
    expect(await fleet.state(held.executionId)).toMatchObject({ status: 'completed', outcome: 'stored' });
    expect((await fleet.stored()).map(([minute]) => minute)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('an old fence, a row that is pending and one that was cancelled refuse a late chunk whole', async () => {
    const id = await fleet.planned(0, 10);
    const late = await fleet.claimed(worker, id);
    await fleet.finish(late, 'handed_back');
    expect(await fleet.chunk(late, 0, 5)).toEqual({ outcome: 'refused' });
    const again = await fleet.claimed(worker, id);
    expect(await fleet.chunk(late, 0, 5)).toEqual({ outcome: 'refused' });
    await cancelExecutions(fleet.db, [id], 'me');
    expect(await fleet.chunk(again, 0, 5)).toEqual({ outcome: 'refused' });
    expect(await fleet.stored()).toEqual([]);
    expect(await fleet.covered()).toEqual([]);
  });

  test('the same answer twice changes nothing, and says so; a differing one is a revision with the old value kept', async () => {
    const held = await fleet.claimed(worker, await fleet.planned(0, 10));
    await fleet.chunk(held, 0, 4);
    expect(await fleet.chunk(held, 0, 4)).toMatchObject({ inserted: 0, updated: 0, unchanged: 4 });
    const changed = candles(2, 6, (minute) => (minute === 3 ? 55 : 100 + minute));
    expect(await fleet.chunk(held, 2, 6, { candles: changed })).toMatchObject({
      inserted: 2,
      updated: 1,
      unchanged: 1,
    });
    const revisions = await fleet.db.sql`select old_close, new_close from candle_revisions`;
    expect([...revisions]).toEqual([{ old_close: 103, new_close: 55 }]);
    expect(new Map(await fleet.stored()).get(3)).toBe(55);
  });

  test('values come back to the last bit', async () => {
    const held = await fleet.claimed(worker, await fleet.planned(0, 2));
    const values = [0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0, 0.00002853];
    const [one] = candles(0, 1);
    if (!one) throw new Error('no candle');
    for (const value of values) {
      await fleet.db.sql`delete from market_data`;
      await fleet.chunk(held, 0, 1, { candles: [{ ...one, volume: value }], proven: [] });
      const [row] = await fleet.db.sql<{ volume: number }[]>`select volume from market_data`;
      expect(row?.volume).toBe(value);
    }
  });

  test('candles outside of the range fail the statement whole', async () => {
    const held = await fleet.claimed(worker, await fleet.planned(0, 10));
    await expect(fleet.chunk(held, 5, 12)).rejects.toMatchObject({ code: 'database_error' });
    expect(await fleet.stored()).toEqual([]);
  });

  test('unconfirmed and unavailable settle a range: the former until it is asked again, the latter for good', async () => {
    const held = await fleet.claimed(worker, await fleet.planned(0, 10));
    await fleet.chunk(held, 0, 4, { unconfirmed: [range(4, 7)], unavailable: [] });
    expect(
      await fleet.chunk(held, 7, 7, { candles: [], proven: [], unavailable: [range(7, 10)] }),
    ).toMatchObject({ outcome: 'completed' });
    expect(await missingNow()).toEqual([range(10, 100)]);
    await fleet.db.sql`update unconfirmed_ranges set due_at = clock_timestamp() - interval '1 s'`;
    expect(await missingNow()).toEqual([range(4, 7), range(10, 100)]);
  });

  test('an unconfirmed stretch is asked again later and later, and forgotten once it is proven', async () => {
    const held = await fleet.claimed(worker, await fleet.planned(0, 10));
    const waits: number[] = [];
    for (let n = 0; n < 4; n += 1) {
      await doubt(held, [range(0, 2)]);
      waits.push(...(await unconfirmed()).map((one) => one.dueInMinutes));
    }
    expect(waits).toEqual([1, 2, 4, 8]);
    await fleet.chunk(held, 0, 2);
    expect(await unconfirmed()).toEqual([]);
  });

  test('each unconfirmed stretch has its own count: a new one is soon asked again, a part goes on with the count of the whole', async () => {
    const held = await fleet.claimed(worker, await fleet.planned(0, 10));
    for (let n = 0; n < 3; n += 1) await doubt(held, [range(0, 4)]);
    await doubt(held, [range(6, 7)]);
    await fleet.chunk(held, 1, 2);
    await doubt(held, [range(2, 5)]);
    expect(await unconfirmed()).toEqual([
      { from: 0, to: 1, asks: 3, dueInMinutes: 4 },
      { from: 2, to: 4, asks: 4, dueInMinutes: 8 },
      { from: 4, to: 5, asks: 1, dueInMinutes: 1 },
      { from: 6, to: 7, asks: 1, dueInMinutes: 1 },
    ]);
  });

  test('what three requests do not show although later candles are there is certain; what may still come is not', async () => {
    const held = await fleet.claimed(worker, await fleet.planned(0, 10));
    await fleet.chunk(held, 4, 6);
    for (let n = 0; n < 3; n += 1) await doubt(held, [range(2, 4), range(8, 10)]);
    expect(await fleet.covered()).toEqual([2, 3, 4, 5]);
    expect(await unconfirmed()).toMatchObject([{ from: 8, to: 10, asks: 3 }]);
  });

  test('where a candle was rejected one is: no number of requests makes its absence certain', async () => {
    const held = await fleet.claimed(worker, await fleet.planned(0, 10));
    await fleet.chunk(held, 4, 6);
    const bad = { openMs: START + 2 * MINUTE, open: 1, high: 1, low: 1, close: Number.NaN, volume: 1 };
    for (let n = 0; n < 3; n += 1)
      await doubt(held, [range(0, 1), range(2, 3)], [{ candle: bad, reason: 'not_finite' }]);
    expect(await fleet.covered()).toEqual([0, 4, 5]);
    expect(await unconfirmed()).toMatchObject([{ from: 2, to: 3, asks: 3 }]);
  });

  test('candles from another host than the first are refused by name, and nothing is stored', async () => {
    const held = await fleet.claimed(worker, await fleet.planned(0, 10));
    await fleet.chunk(held, 0, 4);
    expect(await fleet.chunk(held, 4, 8, { origin: 'elsewhere' })).toEqual({ outcome: 'origin' });
    expect(await fleet.covered()).toEqual([0, 1, 2, 3]);
  });

  test('rejected candles are kept raw, numbers that are none included', async () => {
    const held = await fleet.claimed(worker, await fleet.planned(0, 10));
    const bad = { openMs: START, open: Number.NaN, high: 1, low: 1, close: 1, volume: 1 };
    await fleet.chunk(held, 1, 2, { rejected: [{ candle: bad, reason: 'not_finite' }] });
    const rows = await fleet.db.sql`select reason, raw ->> 'open' as open from rejected_candles`;
    expect([...rows]).toEqual([{ reason: 'not_finite', open: 'NaN' }]);
  });
});

describe('T5, finishing', () => {
  test('completed is refused while something is left', async () => {
    const held = await fleet.claimed(worker, await fleet.planned(0, 10));
    await fleet.chunk(held, 0, 9);
    expect(await fleet.finish(held, 'completed')).toMatchObject({ outcome: 'unsettled' });
    expect(await fleet.state(held.executionId)).toMatchObject({ status: 'in_progress' });
  });

  test('a range that others settled meanwhile can be completed', async () => {
    const held = await fleet.claimed(worker, await fleet.planned(0, 10));
    await fleet.db
      .sql`update series_coverage set covered = ${`{[${new Date(START).toISOString()},${new Date(START + 10 * MINUTE).toISOString()})}`}::tstzmultirange`;
    expect(await fleet.finish(held, 'completed')).toMatchObject({ outcome: 'completed' });
  });
});

describe('T6 and T7, failures', () => {
  test('a retry counts a try and waits; a hand-back does not count', async () => {
    const id = await fleet.planned(0, 10);
    expect(await fleet.finish(await fleet.claimed(worker, id), 'retry', { delayMs: 0 })).toMatchObject({
      outcome: 'pending',
    });
    expect(await fleet.state(id)).toMatchObject({
      status: 'pending',
      reason: 'retry',
      tries: 1,
      errorCode: 'a_code',
    });
    await fleet.finish(await fleet.claimed(worker, id), 'handed_back', { delayMs: 0 });
    expect(await fleet.state(id)).toMatchObject({ status: 'pending', reason: 'handed_back', tries: 1 });
    expect(await fleet.attempts(id)).toEqual(['failed', 'handed_back']);
  });

  test('the last try fails it for good, with the streak in the same statement; a success ends the streak', async () => {
    const id = await fleet.planned(0, 10);
    for (let n = 1; n <= 5; n += 1)
      await fleet.finish(await fleet.claimed(worker, id), 'retry', { delayMs: 0 });
    expect(await fleet.finish(await fleet.claimed(worker, id), 'retry')).toMatchObject({ outcome: 'failed' });
    expect(await fleet.state(id)).toMatchObject({ status: 'failed', tries: 6 });
    await fleet.finish(await fleet.claimed(worker, await fleet.planned(10, 20)), 'failed');
    const streak = async () =>
      (await fleet.db.sql<{ streak: number }[]>`select streak from symbol_failure_tracking`)[0]?.streak;
    expect(await streak()).toBe(2);
    await fleet.chunk(await fleet.claimed(worker, await fleet.planned(20, 30)), 20, 30);
    expect(await streak()).toBe(0);
  });

  test('an old fence ends nothing', async () => {
    const id = await fleet.planned(0, 10);
    const late = await fleet.claimed(worker, id);
    await fleet.finish(late, 'handed_back');
    await fleet.claimed(worker, id);
    for (const ending of ['completed', 'retry', 'handed_back', 'failed'] as const) {
      expect(await fleet.finish(late, ending)).toMatchObject({ outcome: 'refused' });
    }
    expect(await fleet.state(id)).toMatchObject({ status: 'in_progress', fence: 2, tries: 0 });
  });
});

describe('T8, the reaper', () => {
  test('takes back what a dead worker held, leaves the living alone, and sets aside what killed three', async () => {
    const id = await fleet.planned(0, 10);
    const other = await fleet.claimed(await fleet.worker(), await fleet.planned(10, 20));
    for (let crash = 1; crash <= 3; crash += 1) {
      const victim = await fleet.worker();
      await fleet.claimed(victim, id);
      await fleet.expire(victim);
      const reaped = await reapExecutions(fleet.db);
      expect(reaped).toEqual([{ executionId: id, outcome: crash < 3 ? 'pending' : 'failed' }]);
    }
    expect(await fleet.state(id)).toMatchObject({ status: 'failed', crashes: 3, errorCode: 'poison' });
    expect(await fleet.attempts(id)).toEqual(['lost', 'lost', 'lost']);
    expect(await fleet.state(other.executionId)).toMatchObject({ status: 'in_progress' });
  });

  test('a chunk in between shows that it is no poison', async () => {
    const id = await fleet.planned(0, 10);
    for (let crash = 1; crash <= 4; crash += 1) {
      const victim = await fleet.worker();
      await fleet.chunk(await fleet.claimed(victim, id), crash - 1, crash);
      await fleet.expire(victim);
      await reapExecutions(fleet.db);
      expect(await fleet.state(id)).toMatchObject({ status: 'pending', crashes: 1 });
    }
  });
});

describe('T9, the renewal', () => {
  test('hands back what the worker does not hold in its hands, and keeps what it does', async () => {
    const kept = await fleet.claimed(worker, await fleet.planned(0, 10));
    const forgotten = await fleet.claimed(worker, await fleet.planned(10, 20));
    const others = await fleet.claimed(await fleet.worker(), await fleet.planned(20, 30));
    const { released, nowMs } = await fleet.renew(worker, [kept.executionId]);
    expect(released).toEqual([forgotten.executionId]);
    expect(Math.abs(nowMs - Date.now())).toBeLessThan(5_000);
    expect(await fleet.state(kept.executionId)).toMatchObject({ status: 'in_progress' });
    expect(await fleet.state(others.executionId)).toMatchObject({ status: 'in_progress' });
    expect(await fleet.state(forgotten.executionId)).toMatchObject({
      status: 'pending',
      reason: 'released',
      crashes: 0,
    });
  });
});

describe('T10, a retry by a person', () => {
  test('is refused where the symbol is no longer tracked: nothing would bring it a job', async () => {
    const failed = await fleet.claimed(worker, await fleet.planned(0, 10));
    await fleet.finish(failed, 'failed');
    await untrackSymbol(fleet.db, SYMBOL.provider, SYMBOL.symbol, 'test');
    try {
      expect(await retryExecutions(fleet.db, [failed.executionId], 'me')).toEqual([]);
      expect(await fleet.state(failed.executionId)).toMatchObject({ status: 'failed' });
    } finally {
      await fleet.track();
    }
  });

  test('continues the same execution: retry_count + 1, counters from the start, an audit row; only what failed', async () => {
    const failed = await fleet.claimed(worker, await fleet.planned(0, 10));
    await fleet.finish(failed, 'failed');
    const pending = await fleet.planned(10, 20);
    expect(await retryExecutions(fleet.db, [failed.executionId, pending], 'me')).toEqual([
      failed.executionId,
    ]);
    expect(await fleet.state(failed.executionId)).toMatchObject({
      status: 'pending',
      reason: 'asked_again',
      retryCount: 1,
      tries: 0,
      crashes: 0,
    });
    expect(await fleet.claimed(worker, failed.executionId)).toMatchObject({ fence: 2 });
    const audit = await fleet.db
      .sql`select actor, action from audit_log where subject = ${failed.executionId}`;
    expect([...audit]).toEqual([{ actor: 'me', action: 'execution.retry' }]);
  });
});

describe('T11, cancelling', () => {
  test('ends what is pending or in progress, for good; completed and failed ones stay as they are', async () => {
    const running = await fleet.claimed(worker, await fleet.planned(0, 10));
    const pending = await fleet.planned(10, 20);
    const failed = await fleet.claimed(worker, await fleet.planned(20, 30));
    await fleet.finish(failed, 'failed');
    const cancelled = await cancelExecutions(
      fleet.db,
      [running.executionId, pending, failed.executionId],
      'me',
    );
    expect(new Set(cancelled)).toEqual(new Set([running.executionId, pending]));
    expect(await fleet.chunk(running, 0, 5)).toEqual({ outcome: 'refused' });
    expect(await retryExecutions(fleet.db, [running.executionId], 'me')).toEqual([]);
    expect(await fleet.state(failed.executionId)).toMatchObject({ status: 'failed' });
  });

  test('pausing or removing a symbol cancels its work in the same statement; resuming lets it be planned again', async () => {
    const running = await fleet.claimed(worker, await fleet.planned(0, 10));
    await setSymbolActive(fleet.db, { ...SYMBOL, active: false }, 'me');
    expect(await fleet.state(running.executionId)).toMatchObject({ status: 'cancelled' });
    await setSymbolActive(fleet.db, { ...SYMBOL, active: true }, 'me');
    expect(await missingNow()).toEqual([range(0, 100)]);
    const pending = await fleet.planned(0, 10);
    await untrackSymbol(fleet.db, SYMBOL.provider, SYMBOL.symbol, 'me');
    expect(await fleet.state(pending)).toMatchObject({ status: 'cancelled' });
    await trackSymbol(
      fleet.db,
      {
        ...SYMBOL,
        assetClass: 'crypto',
        calendar: '24x7',
        timeframes: ['1m'],
        historyFromMs: START,
        historyToMs: START + 100 * MINUTE,
      },
      'me',
    );
    expect(await missingNow()).toEqual([range(0, 100)]);
  });

  test('a cancelled tail keeps nobody away', async () => {
    const tail = await fleet.claimed(worker, newExecutionId(), fleet.tail(0, 10, 10));
    await cancelExecutions(fleet.db, [tail.executionId], 'me');
    expect(await missingNow()).toEqual([range(0, 100)]);
    expect(await fleet.claim(worker, newExecutionId(), fleet.tail(0, 11, 11))).toMatchObject({
      outcome: 'claimed',
    });
  });
});

describe('the relay', () => {
  test('sees pending rows that have been due for its grace, tails with their slot', async () => {
    const id = await fleet.planned(0, 10);
    const later = await fleet.claimed(worker, await fleet.planned(20, 30));
    await fleet.finish(later, 'retry', { delayMs: 60_000 });
    const tail = await fleet.claimed(worker, newExecutionId(), fleet.tail(40, 50, 50));
    await fleet.finish(tail, 'handed_back', { delayMs: 0 });
    const due = await listDueExecutions(fleet.db, { graceMs: 0, limit: 10 });
    expect(new Map(due.map((one) => [one.executionId, one.slotMs]))).toEqual(
      new Map([
        [id, null],
        [tail.executionId, START + 50 * MINUTE],
      ]),
    );
    expect(await listDueExecutions(fleet.db, { graceMs: 60_000, limit: 10 })).toEqual([]);
  });
});
