import type { RejectionReason } from '@candlefleet/core';
import { afterEach, describe, expect, test } from 'vitest';
import { FAULT_KINDS, faultPlanSchema, type FaultKind } from '../src/replay/fault-plan.js';
import { startReplayServer } from '../src/replay/replay-server.js';
import { createSimulatedMarket } from '../src/replay/simulated-market.js';
import { openTestSource } from './open-test-source.js';
import { settleSeries } from './settle-series.js';

const M = 60_000;
const FROM = Date.UTC(2024, 4, 6);
const market = createSimulatedMarket({ seed: 3, symbols: ['BTC/USDT'] });
const asked = { symbol: 'BTC/USDT', timeframe: '1m' as const, fromMs: FROM, toMs: FROM + 2_500 * M };
const truth = market.candles({ ...asked, limit: 1e6, nowMs: Date.now() });
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function open(faults: object[], seed = 1) {
  const server = await startReplayServer({ market, faults: faultPlanSchema.parse({ seed, faults }) });
  const opened = await openTestSource('replay', server.url, { timeoutMs: 400 });
  closing.push(
    () => server.close(),
    () => opened.source.close(),
  );
  return { server, ...opened };
}

interface Expected {
  /** More of the fault than its kind. */
  readonly fault?: object;
  /** What is thrown; absent: nothing. */
  readonly code?: string;
  readonly retryable?: boolean;
  /** Why candles are set aside. */
  readonly rejected?: RejectionReason;
}

/** What one strike does to whoever fetches. */
const STRIKES: Record<FaultKind, Expected> = {
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
  half_rows: { code: 'answer_malformed' },
  unsorted_rows: {},
  repeated_rows: {},
  contradicting_rows: { rejected: 'contradicted' },
  early_rows: {},
  late_rows: {},
  shifted_times: { rejected: 'misaligned' },
  shifted_page: {},
  forming_candle: {},
  revised_candle: {},
};

describe('one strike, and then the truth', () => {
  test.each(FAULT_KINDS)('%s', async (kind) => {
    const { fault, code, retryable = true, rejected } = STRIKES[kind];
    // The second request for candles: in the middle of the range.
    const { server, source } = await open([{ kind, rate: 1, times: 1, ...fault }]);
    const settled = await settleSeries(source, asked, truth);
    expect(server.requests.length).toBeGreaterThan(2);
    if (kind === 'banned') expect(new Set(settled.errors.map((one) => one.code))).toEqual(new Set([code]));
    else expect(settled.errors).toEqual(code ? [{ code, retryable }] : []);
    if (kind !== 'banned') expect(settled.stored).toEqual(truth);
    expect([...settled.rejected]).toEqual(rejected ? [rejected] : []);
  });
});

describe('half of all answers, in every order that a seed gives', () => {
  const NOTHING_TO_SETTLE: FaultKind[] = ['latency', 'slow_drip', 'huge_body', 'banned'];
  test.each(FAULT_KINDS.filter((kind) => !NOTHING_TO_SETTLE.includes(kind)))('%s', async (kind) => {
    for (let seed = 1; seed <= 6; seed += 1) {
      for (const rows of kind.endsWith('rows') || kind === 'shifted_page' || kind === 'bad_values' ? [1, 2, 5, 40] : [undefined]) {
        const { source, server } = await open([{ kind, rate: 0.5, ...(rows && !['unsorted_rows'].includes(kind) ? { rows } : {}) }], seed);
        const settled = await settleSeries(source, asked, truth, 80);
        expect(settled.stored.length, `${kind} ${seed} ${rows}`).toBe(truth.length);
        await server.close();
      }
    }
  });

  test('all at once, each for a tenth', async () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const kinds = FAULT_KINDS.filter((kind) => !NOTHING_TO_SETTLE.includes(kind));
      const { source } = await open(
        kinds.map((kind) => ({ kind, rate: 0.1 })),
        seed,
      );
      const settled = await settleSeries(source, asked, truth, 400);
      expect(settled.stored, String(seed)).toEqual(truth);
    }
  });
});
