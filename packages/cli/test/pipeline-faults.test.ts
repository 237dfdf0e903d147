import { isDeepStrictEqual } from 'node:util';
import { tailExecutionId } from '@candlefleet/core';
import { listExecutions, readSeriesFacts, retryExecutions } from '@candlefleet/db';
import {
  createSimulatedMarket,
  FAULT_KINDS,
  faultPlanSchema,
  providerTraits,
  simulatedSymbols,
  type FaultKind,
} from '@candlefleet/providers';
import { backfillQueueName } from '@candlefleet/queue';
import { queueBackends, waitUntil } from '@candlefleet/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { startFleet, type Fleet } from './fleet.js';

const LONG_AGO = { timeframe: '1m', fromMs: Date.UTC(2024, 2, 4), toMs: Date.UTC(2024, 2, 7) } as const;
const HOUR = 3_600_000;
const QUEUE = backfillQueueName('replay');
/** Half of Binance's own. */
const WEIGHT_LIMIT = 3_000;
const SYMBOLS = simulatedSymbols(FAULT_KINDS.length);
const market = createSimulatedMarket({ seed: 11, symbols: SYMBOLS });

/** Each kind has a symbol of its own: what becomes of it is told by its series. */
const symbolOf = (kind: FaultKind): string => SYMBOLS[FAULT_KINDS.indexOf(kind)] ?? '';
/** These strike the newest candle alone: one of four hours stays it for as long as this takes. */
const FRESH: FaultKind[] = ['forming_candle', 'revised_candle'];
/** More of a fault than its kind. */
const MORE: Partial<Record<FaultKind, object>> = {
  latency: { delayMs: 200 },
  slow_drip: { times: 1 },
  rate_limited: { times: 2 },
  banned: { banSeconds: 2, times: 1 },
};
/** One request in five, and for certain the first one: of one kind so many that an attempt fails by them. */
const faults = FAULT_KINDS.flatMap((kind): object[] => {
  const fault = { kind, symbol: symbolOf(kind), ...MORE[kind] };
  if (FRESH.includes(kind)) return [{ ...fault, rate: 1 }];
  const first = { ...fault, rate: 1, times: kind === 'nul_in_message' ? 8 : 1 };
  return [first, { ...fault, rate: 0.2 }];
});

describe.each(queueBackends())('one answer in five is struck, with the queue in $name', (backend) => {
  describe.skipIf(backend.skipped)(backend.skipped ? `[skipped: ${backend.skipped}]` : ':', () => {
    let fleet: Fleet;
    afterEach(() => fleet.close());

    test('in every way: the table ends equal to the truth, the budget is kept, and no ban is broken', async () => {
      fleet = await startFleet({
        backend,
        market,
        faults: faultPlanSchema.parse({ faults }),
        weightLimit: WEIGHT_LIMIT,
        timeoutMs: 2_000,
        concurrency: 6,
      });
      await fleet.startWorker();
      const closedMs = Math.floor((Date.now() - 2_000) / (4 * HOUR)) * 4 * HOUR;
      const lately = { timeframe: '4h', fromMs: closedMs - 2_400 * HOUR, toMs: closedMs } as const;
      const series = FAULT_KINDS.map((kind) => ({
        kind,
        symbol: symbolOf(kind),
        ...(FRESH.includes(kind) ? lately : LONG_AGO),
      }));
      for (const { symbol, timeframe, fromMs, toMs } of series)
        await fleet.track(symbol, timeframe, fromMs, toMs);
      for (const kind of FRESH) await deliverTail(fleet, kind);
      await waitUntil('everything to be covered', () => isCovered(fleet), 180_000);

      const differing = async () => {
        const kinds: FaultKind[] = [];
        for (const { kind, symbol, timeframe, fromMs, toMs } of series) {
          const truth = fleet.truth(symbol, timeframe, fromMs, toMs);
          if (!isDeepStrictEqual(await fleet.stored(symbol, timeframe), truth)) kinds.push(kind);
        }
        return kinds;
      };
      // Its first reading was believed, unless that answer came too late: then only the revision window tells.
      const believed = await differing();
      expect(believed.filter((kind) => kind !== 'revised_candle')).toEqual([]);
      if (believed.length > 0) await readAgain(fleet, 'revised_candle');
      expect(await differing()).toEqual([]);
      for (const { covered, unconfirmed, wantedFromMs, wantedToMs } of await readSeriesFacts(fleet.db)) {
        expect(covered).toEqual([{ fromMs: wantedFromMs, toMs: wantedToMs }]);
        expect(unconfirmed).toEqual([]);
      }
      expect(await listExecutions(fleet.db, { limit: 1, statuses: ['failed'] })).toEqual([]);
      await expectAllStruck(fleet);
      await expectRecorded(fleet);
      expectBudgetKept(fleet);
      expectBansKept(fleet);
    }, 300_000);
  });
});

/** Lets what waits for its time pass at once, but for bans; a person retries what no retry can help. */
async function isCovered({ db, queues }: Fleet): Promise<boolean> {
  await db.sql`update unconfirmed_ranges set due_at = clock_timestamp() where due_at > clock_timestamp()`;
  await db.sql`
    update backfill_state_persistent set not_before = clock_timestamp()
    where status = 'pending' and not_before > clock_timestamp()`;
  for (const job of await queues.queue(QUEUE).getDelayed()) await job.promote().catch(() => undefined);
  const failed = await listExecutions(db, { limit: 100, statuses: ['failed'] });
  const refused = failed.filter((row) => row.symbol === symbolOf('symbol_refused'));
  await retryExecutions(
    db,
    refused.map((row) => row.executionId),
    'me',
  );
  return (await readSeriesFacts(db)).every(
    ({ covered, wantedFromMs, wantedToMs, unfinished }) =>
      unfinished === 0 && covered.some((range) => range.fromMs === wantedFromMs && range.toMs === wantedToMs),
  );
}

/** What a schedule would enqueue once the newest candle has closed. */
async function deliverTail({ queues, seriesId }: Fleet, kind: FaultKind): Promise<void> {
  const symbol = symbolOf(kind);
  const id = await seriesId(symbol, '4h');
  const slotMs = Date.now();
  const series = { seriesId: id, provider: 'replay', symbol, timeframe: '4h', calendar: '24x7' } as const;
  await queues.ensureJobs(QUEUE, [
    { v: 1, ...series, kind: 'tail', executionId: tailExecutionId(id, slotMs), slotMs },
  ]);
}

/** The next tail, as if one more candle had closed: it reads the revision window again. */
async function readAgain(fleet: Fleet, kind: FaultKind): Promise<void> {
  const seriesId = await fleet.seriesId(symbolOf(kind), '4h');
  await fleet.db.sql`
    update series_coverage set covered = covered - tstzmultirange(tstzrange(
      upper(covered) - interval '4 hours', upper(covered)))
    where series_id = ${seriesId}`;
  await deliverTail(fleet, kind);
  await waitUntil('the revision', async () => {
    const [revision] = await fleet.db.sql`select 1 from candle_revisions where series_id = ${seriesId}`;
    return revision !== undefined && (await isCovered(fleet));
  });
}

async function expectAllStruck({ server }: Fleet): Promise<void> {
  const told: unknown = await (await fetch(`${server.url}/replay/faults`)).json();
  const struckSinceStart = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, expect.any(Number)]));
  expect(told).toMatchObject({ struckSinceStart });
}

const REJECTED: Partial<Record<FaultKind, string>> = {
  bad_values: 'not_finite',
  half_rows: 'not_finite',
  contradicting_rows: 'contradicted',
  shifted_times: 'misaligned',
};

/** What was refused and why, and what a server said that neither store takes as it is. */
async function expectRecorded({ db }: Fleet): Promise<void> {
  const rejected = await db.sql<{ symbol: string; reason: string }[]>`
    select distinct symbol, reason from rejected_candles join series using (series_id)`;
  expect(rejected.length).toBeGreaterThan(0);
  for (const { symbol, reason } of rejected)
    expect(reason).toBe(REJECTED[FAULT_KINDS.find((kind) => symbolOf(kind) === symbol) ?? 'latency']);
  const said = await db.sql<{ message: string }[]>`
    select a.error_message as message from execution_attempts a join backfill_state_persistent e using (execution_id)
    where e.symbol = ${symbolOf('nul_in_message')} and a.error_code = 'unavailable'`;
  expect(said[0]?.message).toContain('the server is not well \uFFFD');
}

/** No more in any five seconds than the bucket holds and what flows in, and what the wire held up. */
function expectBudgetKept({ server }: Fleet): void {
  const windowMs = 5_000;
  const { budget, pageWeight } = providerTraits('replay', { replay: WEIGHT_LIMIT });
  const bucket = 0.04 * budget.limit;
  const most = bucket + ((budget.limit - bucket) * windowMs) / budget.windowMs + 12 * pageWeight;
  for (const { atMs } of server.requests) {
    const within = server.requests.filter((one) => one.atMs >= atMs && one.atMs < atMs + windowMs);
    expect(within.reduce((sum, { weight }) => sum + weight, 0)).toBeLessThanOrEqual(most);
  }
  expect(server.totals.largestWindowWeight).toBeLessThanOrEqual(WEIGHT_LIMIT);
}

/** Nothing was sent after a ban had been told, but for what was on its way. */
function expectBansKept({ server }: Fleet): void {
  expect(server.totals.bans.length).toBeGreaterThan(0);
  expect(server.requests.filter(({ afterBanMs = 0 }) => afterBanMs > 1_000)).toEqual([]);
}
