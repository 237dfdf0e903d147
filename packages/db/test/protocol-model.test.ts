import { newExecutionId, tailExecutionId } from '@candlefleet/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cancelExecutions, retryExecutions } from '../src/queries/change-executions.js';
import { reapExecutions } from '../src/queries/reap-executions.js';
import { setSymbolActive } from '../src/queries/watchlist.js';
import { createFleetFixture, MINUTE, range, START, SYMBOL, type FleetFixture } from './fleet-fixture.js';

const MINUTES = 40;
const WORKERS = 3;
const MAX_TRIES = 6;

/** What a row should be: the protocol in plain values. */
interface Row {
  status: 'pending' | 'in_progress' | 'completed' | 'failed' | 'cancelled';
  from: number;
  to: number;
  fence: number;
  tries: number;
  crashes: number;
  retryCount: number;
  worker: number;
}

/** What a worker believes it holds; it may be long untrue. */
interface Token {
  readonly executionId: string;
  readonly fence: number;
}

type Step =
  | { do: 'plan'; from: number; length: number }
  | { do: 'claim'; worker: number; execution: number; isLost: boolean }
  | { do: 'claimTail'; worker: number; slot: number; length: number; isLost: boolean }
  | { do: 'chunk'; token: number; from: number; length: number }
  | { do: 'finish'; token: number; ending: 'completed' | 'retry' | 'handed_back' | 'failed' }
  | { do: 'renew'; worker: number; keeps: boolean }
  | { do: 'die'; worker: number }
  | { do: 'reap' }
  | { do: 'retry'; execution: number }
  | { do: 'cancel'; execution: number }
  | { do: 'pause' | 'resume' };

const worker = fc.nat(WORKERS - 1);
const index = fc.nat(30);
const minute = fc.nat(MINUTES - 1);
const length = fc.integer({ min: 1, max: 12 });
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('plan' as const), from: minute, length }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('claim' as const),
      worker,
      execution: index,
      isLost: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('claimTail' as const),
      worker,
      slot: minute,
      length,
      isLost: fc.boolean(),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({ do: fc.constant('chunk' as const), token: index, from: fc.nat(11), length }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('finish' as const),
      token: index,
      ending: fc.constantFrom(
        'completed' as const,
        'retry' as const,
        'handed_back' as const,
        'failed' as const,
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('renew' as const), worker, keeps: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('die' as const), worker }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('reap' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('retry' as const), execution: index }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), execution: index }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('pause' as const, 'resume' as const) }) },
);

let fleet: FleetFixture;
beforeAll(async () => {
  fleet = await createFleetFixture(MINUTES);
});
afterAll(() => fleet.close());

describe('the protocol, under random interleavings of late and lost statements', () => {
  test('every row, the coverage and the candles are what a small model says, after every statement', async () => {
    const seed = Number(process.env['PROPERTY_SEED'] ?? Date.now() % 2 ** 31);
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 10, maxLength: 60 }), async (steps) => {
        const model = await startModel();
        for (const step of steps) {
          await model.take(step);
          await model.compare(step);
        }
      }),
      { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 60), seed, endOnFailure: true },
    );
  });

  test('many clients at once: no two hold one stretch, no error, and every candle that is covered is there', async () => {
    await reset();
    const workers = await Promise.all(Array.from({ length: 8 }, () => fleet.worker()));
    for (let from = 0; from < MINUTES; from += 10) await fleet.plan(from, from + 10);
    const ids = [...(await fleet.states()).keys()];
    const overlaps: unknown[] = [];
    const client = async (workerId: string, n: number) => {
      for (let round = 0; round < 15; round += 1) {
        const id = ids[(round + n) % ids.length] ?? '';
        const isTail = (round + n) % 3 === 0;
        const slot = 10 + ((round * 7 + n) % 30);
        const tail = isTail ? fleet.tail(Math.max(0, slot - 12), slot, slot) : undefined;
        const executionId = isTail ? tailExecutionId(fleet.seriesId, START + slot * MINUTE + n) : id;
        const answer = await fleet.claim(workerId, executionId, tail);
        if (answer.outcome !== 'claimed') continue;
        const [{ count = 0 } = {}] = await fleet.db.sql<{ count: number }[]>`
          select count(*)::int as count from backfill_state_persistent a join backfill_state_persistent b
            on a.series_id = b.series_id and a.execution_id < b.execution_id and a.range && b.range
          where a.status = 'in_progress' and b.status = 'in_progress'`;
        if (count > 0) overlaps.push(answer);
        const from = (answer.range.fromMs - START) / MINUTE;
        const to = (answer.range.toMs - START) / MINUTE;
        const stored = await fleet.chunk(answer, from, Math.min(to, from + 1 + (round % 12)));
        if (stored.outcome === 'stored') await fleet.finish(answer, 'handed_back', { delayMs: 0 });
      }
    };
    await Promise.all(workers.map(client));
    expect(overlaps).toEqual([]);
    expect((await fleet.stored()).map(([at]) => at)).toEqual(await fleet.covered());
    const open = [...(await fleet.states()).values()].filter((row) => row.status === 'in_progress');
    expect(open).toEqual([]);
  });
});

async function reset(): Promise<void> {
  const { sql } = fleet.db;
  await sql`truncate backfill_state_persistent, execution_attempts, market_data, candle_revisions, symbol_failure_tracking, workers cascade`;
  await sql`update series_coverage set covered = '{}', candle_count = 0, last_candle = null`;
  await setSymbolActive(fleet.db, { ...SYMBOL, active: true }, 'test');
}

async function startModel() {
  await reset();
  const rows = new Map<string, Row>();
  const order: string[] = [];
  const tokens: Token[] = [];
  const covered = new Set<number>();
  const values = new Map<number, number>();
  const workers = await Promise.all(Array.from({ length: WORKERS }, () => fleet.worker()));
  const alive = Array.from({ length: WORKERS }, () => true);
  let isActive = true;
  let clock = 0;

  const overlaps = (row: { from: number; to: number }, statuses: Row['status'][]) =>
    [...rows.values()].some(
      (other) => statuses.includes(other.status) && other.from < row.to && row.from < other.to,
    );
  const isSettled = (row: Row) => {
    for (let at = row.from; at < row.to; at += 1) if (!covered.has(at)) return false;
    return true;
  };
  const add = (id: string, row: Row) => {
    rows.set(id, row);
    order.push(id);
  };
  const pick = <T>(list: readonly T[], n: number): T | undefined => list[n % Math.max(1, list.length)];
  const holder = (token: Token | undefined): Row | undefined => {
    const row = token && rows.get(token.executionId);
    return row?.status === 'in_progress' && row.fence === token?.fence ? row : undefined;
  };

  async function take(step: Step): Promise<void> {
    switch (step.do) {
      case 'plan': {
        const to = Math.min(MINUTES, step.from + step.length);
        const [id] = await fleet.plan(step.from, to);
        const isFree = isActive && !overlaps({ from: step.from, to }, ['pending', 'in_progress']);
        expect(id !== undefined).toBe(isFree);
        if (id)
          add(id, {
            status: 'pending',
            from: step.from,
            to,
            fence: 0,
            tries: 0,
            crashes: 0,
            retryCount: 0,
            worker: -1,
          });
        return;
      }
      case 'claim': {
        const id = pick(order, step.execution) ?? newExecutionId();
        const row = rows.get(id);
        const answer = await fleet.claim(workers[step.worker] ?? '', id);
        expect(answer.outcome).toBe(expectedClaim(row, step.worker));
        if (row && answer.outcome === 'claimed')
          Object.assign(row, { status: 'in_progress', fence: row.fence + 1, worker: step.worker });
        if (row && answer.outcome === 'nothing_missing') row.status = 'completed';
        if (row && answer.outcome === 'claimed' && !step.isLost)
          tokens.push({ executionId: id, fence: row.fence });
        return;
      }
      case 'claimTail':
        return claimTail(step);
      case 'chunk': {
        const token = pick(tokens, step.token);
        const row = holder(token);
        const known = token && rows.get(token.executionId);
        if (!token || !known) return;
        const from = Math.min(known.to - 1, known.from + step.from);
        const to = Math.min(known.to, from + step.length);
        const answer = await fleet.chunk(token, from, to, { candles: candlesOf(from, to) });
        if (!row) {
          expect(answer.outcome).toBe('refused');
          return;
        }
        for (let at = from; at < to; at += 1) {
          covered.add(at);
          values.set(at, valueOf(at));
        }
        row.crashes = 0;
        expect(answer.outcome).toBe(isSettled(row) ? 'completed' : 'stored');
        if (isSettled(row)) row.status = 'completed';
        return;
      }
      case 'finish': {
        const token = pick(tokens, step.token);
        const row = holder(token);
        if (!token) return;
        const { outcome } = await fleet.finish(token, step.ending, { delayMs: 0 });
        if (!row) expect(outcome).toBe('refused');
        else expect(outcome).toBe(finishRow(row, step.ending));
        return;
      }
      case 'renew': {
        const held = step.keeps
          ? tokens.filter((token) => holder(token)?.worker === step.worker).map((token) => token.executionId)
          : [];
        await fleet.renew(workers[step.worker] ?? '', held);
        alive[step.worker] = true;
        for (const [id, row] of rows) {
          if (row.status === 'in_progress' && row.worker === step.worker && !held.includes(id))
            row.status = 'pending';
        }
        return;
      }
      case 'die':
        await fleet.expire(workers[step.worker] ?? '');
        alive[step.worker] = false;
        return;
      case 'reap':
        await reapExecutions(fleet.db);
        for (const row of rows.values()) {
          if (row.status !== 'in_progress' || alive[row.worker]) continue;
          row.crashes += 1;
          row.status = row.crashes >= 3 ? 'failed' : 'pending';
          if (row.status === 'failed') row.tries += 1;
        }
        return;
      case 'retry': {
        const id = pick(order, step.execution);
        const row = id && rows.get(id);
        if (!id || !row) return;
        const retried = await retryExecutions(fleet.db, [id], 'me');
        expect(retried).toEqual(row.status === 'failed' ? [id] : []);
        if (row.status === 'failed')
          Object.assign(row, { status: 'pending', tries: 0, crashes: 0, retryCount: row.retryCount + 1 });
        return;
      }
      case 'cancel': {
        const id = pick(order, step.execution);
        const row = id && rows.get(id);
        if (!id || !row) return;
        const isOpen = row.status === 'pending' || row.status === 'in_progress';
        expect(await cancelExecutions(fleet.db, [id], 'me')).toEqual(isOpen ? [id] : []);
        if (isOpen) row.status = 'cancelled';
        return;
      }
      case 'pause':
      case 'resume':
        isActive = step.do === 'resume';
        await setSymbolActive(fleet.db, { ...SYMBOL, active: isActive }, 'me');
        if (!isActive)
          for (const row of rows.values())
            if (row.status === 'pending' || row.status === 'in_progress') row.status = 'cancelled';
    }
  }

  function expectedClaim(row: Row | undefined, by: number): string {
    if (!alive[by]) return 'no_lease';
    if (!row) return 'gone';
    if (row.status !== 'pending') return row.status === 'in_progress' ? 'held' : row.status;
    // A retry of a failed one may meet a paused symbol: then it is cancelled.
    if (!isActive) {
      row.status = 'cancelled';
      return 'cancelled';
    }
    if (overlaps(row, ['in_progress'])) return 'held';
    return isSettled(row) ? 'nothing_missing' : 'claimed';
  }

  async function claimTail(step: Extract<Step, { do: 'claimTail' }>): Promise<void> {
    const to = step.slot + 1;
    const from = Math.max(0, to - step.length);
    const id = tailExecutionId(fleet.seriesId, START + step.slot * MINUTE);
    const known = rows.get(id);
    const tail = { ...fleet.tail(from, to, step.slot), rereadFromMs: range(to, to).fromMs };
    const answer = await fleet.claim(workers[step.worker] ?? '', id, tail);
    if (known) {
      expect(answer.outcome).toBe(expectedClaim(known, step.worker));
      if (answer.outcome === 'claimed')
        Object.assign(known, { status: 'in_progress', fence: known.fence + 1, worker: step.worker });
      if (answer.outcome === 'nothing_missing') known.status = 'completed';
    } else {
      const row: Row = {
        status: 'in_progress',
        from,
        to,
        fence: 1,
        tries: 0,
        crashes: 0,
        retryCount: 0,
        worker: step.worker,
      };
      const expected = !alive[step.worker]
        ? 'no_lease'
        : !isActive
          ? 'gone'
          : overlaps(row, ['in_progress'])
            ? 'held'
            : isSettled(row)
              ? 'nothing_missing'
              : 'claimed';
      expect(answer.outcome).toBe(expected);
      if (expected === 'nothing_missing') add(id, { ...row, status: 'completed' });
      if (expected === 'claimed') add(id, row);
    }
    if (answer.outcome === 'claimed' && !step.isLost) tokens.push({ executionId: id, fence: answer.fence });
  }

  function finishRow(row: Row, ending: string): string {
    if (ending === 'completed') {
      if (!isSettled(row)) return 'unsettled';
      row.status = 'completed';
      return 'completed';
    }
    if (ending === 'failed' || (ending === 'retry' && row.tries + 1 >= MAX_TRIES)) {
      row.status = 'failed';
      row.tries += 1;
      return 'failed';
    }
    row.status = 'pending';
    if (ending === 'retry') row.tries += 1;
    return 'pending';
  }

  /** A provider that corrects its candles: each answer's values are newer than those before. */
  function valueOf(at: number): number {
    return 100 + at + (clock % 2);
  }
  function candlesOf(from: number, to: number) {
    clock += 1;
    return Array.from({ length: to - from }, (_, i) => ({
      openMs: START + (from + i) * MINUTE,
      open: 100,
      high: 10_000,
      low: 1,
      close: valueOf(from + i),
      volume: 1,
    }));
  }

  async function compare(step: Step): Promise<void> {
    const told = JSON.stringify(step);
    const actual = await fleet.states();
    for (const [id, row] of rows) {
      const { status, fence, tries, crashes, retryCount } = row;
      expect(actual.get(id), `${told}: ${id}`).toMatchObject({ status, fence, tries, crashes, retryCount });
    }
    expect(actual.size, told).toBe(rows.size);
    expect(await fleet.covered(), told).toEqual([...covered].sort((a, b) => a - b));
    expect(await fleet.stored(), told).toEqual([...values].sort((a, b) => a[0] - b[0]));
  }

  return { take, compare };
}
