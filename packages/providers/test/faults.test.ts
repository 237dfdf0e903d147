import { rangesContain, sameCandle, storable, type RejectionReason } from '@candlefleet/core';
import { afterEach, describe, expect, test } from 'vitest';
import { FAULT_KINDS, faultPlanSchema, type FaultKind } from '../src/replay/fault-plan.js';
import { startReplayServer } from '../src/replay/replay-server.js';
import { createSimulatedMarket } from '../src/replay/simulated-market.js';
import { fetchAll, openTestSource, type Asked } from './open-test-source.js';
import { settleSeries } from './settle-series.js';

const M = 60_000;
const FROM = Date.UTC(2024, 4, 6);
const PAGE = 1_000;
const market = createSimulatedMarket({ seed: 3, symbols: ['BTC/USDT'] });
const asked = (pages: number): Asked & { symbol: 'BTC/USDT' } => ({
  symbol: 'BTC/USDT',
  timeframe: '1m',
  fromMs: FROM,
  toMs: FROM + pages * PAGE * M,
});
const truthOf = (range: Asked) =>
  market.candles({ ...range, limit: Number.POSITIVE_INFINITY, nowMs: Number.POSITIVE_INFINITY });

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** A replay server whose clock stands half a minute behind the last of these pages' candles. */
async function open(pages: number, faults: object[], seed = 1) {
  const { toMs } = asked(pages);
  const startedAt = performance.now();
  const clock = { nowMs: () => toMs + M / 2 + Math.round(performance.now() - startedAt) };
  const plan = faultPlanSchema.parse({ seed, faults });
  const server = await startReplayServer({ market, clock, faults: plan });
  const opened = await openTestSource('replay', server.url, { timeoutMs: 400, clock });
  closing.push(
    () => server.close(),
    () => opened.source.close(),
  );
  return { server, clock, ...opened };
}

/** One that tells another value at the first reading is believed: it has a test of its own. */
type Settling = Exclude<FaultKind, 'revised_candle'>;
const SETTLING = FAULT_KINDS.filter((kind): kind is Settling => kind !== 'revised_candle');

interface Expected {
  /** More of the fault than its kind. */
  readonly fault?: object;
  /** What is thrown; absent: nothing. */
  readonly code?: string;
  readonly retryable?: boolean;
  /** Why candles are refused; absent: none are. */
  readonly rejected?: RejectionReason;
}

/** What one struck answer does to whoever asked. */
const STRIKES: Record<Settling, Expected> = {
  latency: { fault: { delayMs: 2_000 }, code: 'timed_out' },
  slow_drip: { code: 'timed_out' },
  reset_in_body: { code: 'unavailable' },
  huge_body: { code: 'answer_malformed' },
  rate_limited: { code: 'rate_limited' },
  banned: { fault: { banSeconds: 1 }, code: 'banned' },
  server_error: { code: 'unavailable' },
  nul_in_message: { code: 'unavailable' },
  symbol_refused: { code: 'symbol_unknown', retryable: false },
  html_page: { code: 'answer_malformed' },
  truncated_json: { code: 'answer_malformed' },
  malformed_json: { code: 'answer_malformed' },
  empty_page: {},
  bad_values: { fault: { rows: 6 }, rejected: 'not_finite' },
  half_rows: { rejected: 'not_finite' },
  unsorted_rows: {},
  repeated_rows: {},
  contradicting_rows: { rejected: 'contradicted' },
  early_rows: {},
  late_rows: {},
  shifted_times: { rejected: 'misaligned' },
  shifted_page: {},
  forming_candle: {},
};

describe('an answer that is struck, and then honest ones', () => {
  test.each(SETTLING)('%s', async (kind) => {
    const { fault, code, retryable = true, rejected } = STRIKES[kind];
    const range = asked(3);
    const { server, source, clock, refused } = await open(3, [{ kind, rate: 1, times: 1, ...fault }]);
    const truth = truthOf(range);
    const settled = await settleSeries(source, range, { truth, clock, mostRounds: 5 });
    expect(settled.errors).toMatchObject(code ? [{ code, retryable, provider: 'replay' }] : []);
    for (const { message } of settled.errors) {
      expect(message).toMatch(
        /^replay: .+\. (?:It is asked again; if|Nothing is sent to it for|Symbols are)/,
      );
      expect(storable(message)).toBe(message);
    }
    expect([...settled.rejected]).toEqual(rejected ? [rejected] : []);
    expect(settled.stored).toEqual(truth);
    // Heard once, and by everybody: nothing was asked before its end.
    const keepsAway = code === 'banned' || code === 'rate_limited';
    expect(refused).toEqual(keepsAway ? [{ retryAfterMs: 1_000, isBan: code === 'banned' }] : []);
    expect(server.totals.bans).toHaveLength(code === 'banned' ? 1 : 0);
    expect(server.requests.filter((one) => one.afterBanMs !== undefined)).toEqual([]);
  });

  test('rows that lost their time, too', async () => {
    const range = asked(2);
    // Those of the second request: of the first one's, only the ends are lost.
    const { source, clock } = await open(2, [{ kind: 'half_rows', rate: 1, times: 2 }]);
    const truth = truthOf(range);
    const settled = await settleSeries(source, range, { truth, clock, mostRounds: 5 });
    expect(settled.errors).toMatchObject([{ code: 'answer_malformed', retryable: true }]);
    expect(settled.stored).toEqual(truth);
  });

  test.each([-2, 1])('times that are off by whole candles (%i)', async (candles) => {
    const range = asked(2);
    const offsetMs = candles * M;
    const { source, clock } = await open(2, [{ kind: 'shifted_times', rate: 1, times: 1, offsetMs }]);
    const truth = truthOf(range);
    const settled = await settleSeries(source, range, { truth, clock, mostRounds: 5 });
    expect(settled.errors).toMatchObject([{ code: 'answer_malformed', retryable: true }]);
    expect(settled.stored).toEqual(truth);
  });
});

describe('one answer in five is struck, over many pages', () => {
  const rounds = { mostRounds: 60 };

  test.each(SETTLING)('%s', async (kind) => {
    const range = asked(8);
    const { source, clock, server } = await open(8, [
      { kind, rate: 0.2, ...(kind === 'banned' ? { banSeconds: 1, times: 2 } : STRIKES[kind].fault) },
    ]);
    const truth = truthOf(range);
    const settled = await settleSeries(source, range, { truth, clock, ...rounds });
    expect(settled.stored).toEqual(truth);
    expect(server.requests.filter((one) => one.afterBanMs !== undefined)).toEqual([]);
  });

  test.each([1, 2, 3, 4])('each kind a tenth of the time, all at once (seed %i)', async (seed) => {
    const slow = new Set<FaultKind>(['latency', 'slow_drip', 'huge_body', 'rate_limited', 'banned']);
    const range = asked(8);
    const kinds = SETTLING.filter((kind) => !slow.has(kind)).map((kind) => ({ kind, rate: 0.1 }));
    const { source, clock } = await open(8, kinds, seed);
    const truth = truthOf(range);
    const settled = await settleSeries(source, range, { truth, clock, mostRounds: 400 });
    expect(settled.stored).toEqual(truth);
  });
});

test('a candle with another value at its first reading is believed, and the second reading gives the truth', async () => {
  const range = asked(1);
  const { source } = await open(1, [{ kind: 'revised_candle', rate: 1 }]);
  const truth = truthOf(range);
  const [first] = await fetchAll(source, range);
  const [second] = await fetchAll(source, { ...range, fromMs: range.toMs - 3 * M });
  expect(first?.candles.slice(0, -1)).toEqual(truth.slice(0, -1));
  expect(sameCandle(first?.candles.at(-1) ?? never(), truth.at(-1) ?? never())).toBe(false);
  expect(second?.candles).toEqual(truth.slice(-3));
  for (const candle of truth.slice(-3)) expect(rangesContain(second?.proven ?? [], candle.openMs)).toBe(true);
});

function never(): never {
  throw new Error('there is no candle');
}
