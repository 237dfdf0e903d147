import { alwaysOpen, normalizeRanges, type Candle } from '@candlefleet/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Fault, FaultPlan } from '../src/replay/fault-plan.js';
import { parseFaultFlag } from '../src/replay/parse-fault-flag.js';
import { startReplayServer, type ReplayServer } from '../src/replay/replay-server.js';
import { createSimulatedMarket } from '../src/replay/simulated-market.js';
import { fetchAll, openTestSource } from './open-test-source.js';

const M = 60_000;
const DAY = 24 * 60 * M;
const SYMBOL = 'BTC/USDT';
const FROM = Date.UTC(2024, 4, 6);
const market = createSimulatedMarket({ seed: 3, symbols: [SYMBOL, 'ETH/USDT'] });
const truth = (fromMs: number, toMs: number, timeframe: '1m' | '1h' = '1m') =>
  market.candles({ symbol: SYMBOL, timeframe, fromMs, toMs, limit: 1e6, nowMs: Date.now() });
const asked = { symbol: SYMBOL, timeframe: '1m' as const, fromMs: FROM, toMs: FROM + 2_500 * M };

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function open(
  faults: Fault[] = [],
  more: { weightLimit?: number; timeoutMs?: number; maxAnswerBytes?: number } = {},
) {
  const plan: FaultPlan = { seed: 1, faults };
  const server = await startReplayServer({ market, faults: plan, weightLimit: more.weightLimit });
  const opened = await openTestSource('replay', server.url, more);
  closing.push(
    () => server.close(),
    () => opened.source.close(),
  );
  return { server, ...opened };
}
const klines = (server: ReplayServer) => server.requests.filter((one) => one.path === '/api/v3/klines');
const candlesOf = (pages: readonly { candles: readonly Candle[] }[]) => pages.flatMap((page) => page.candles);

describe('the simulated market', () => {
  test('is a function of seed, symbol and time: the same from anywhere, another for another seed', () => {
    const again = createSimulatedMarket({ seed: 3, symbols: [SYMBOL] });
    const ask = {
      symbol: SYMBOL,
      timeframe: '1m' as const,
      toMs: FROM + 500 * M,
      limit: 1_000,
      nowMs: Date.now(),
    };
    const late = again.candles({ ...ask, fromMs: FROM + 400 * M });
    expect(late).toEqual(truth(FROM, FROM + 500 * M).slice(400));
    const other = createSimulatedMarket({ seed: 4, symbols: [SYMBOL] });
    expect(other.candles({ ...ask, fromMs: FROM })[0]?.close).not.toBe(late[0]?.close);
  });

  test('coarser candles are exactly their minutes', () => {
    for (const hour of truth(FROM, FROM + DAY, '1h')) {
      const minutes = truth(hour.openMs, hour.openMs + 60 * M);
      const units = minutes.reduce((sum, one) => sum + Math.round(one.volume * 100_000), 0);
      expect(hour).toEqual({
        openMs: hour.openMs,
        open: minutes[0]?.open,
        high: Math.max(...minutes.map((one) => one.high)),
        low: Math.min(...minutes.map((one) => one.low)),
        close: minutes.at(-1)?.close,
        volume: units / 100_000,
      });
    }
  });

  test('each candle is sound, opens where the last one closed, and trades something', () => {
    let before: Candle | undefined;
    for (const candle of truth(FROM, FROM + DAY)) {
      const { open, high, low, close, volume } = candle;
      expect(high >= Math.max(open, close) && low <= Math.min(open, close) && low > 0 && volume > 0).toBe(
        true,
      );
      if (before) expect(open).toBe(before.close);
      before = candle;
    }
  });

  test('volatility clusters: calm hours follow calm ones, and wild ones wild', () => {
    const moves = truth(FROM, FROM + 60 * DAY, '1h').map((one) => Math.abs(Math.log(one.close / one.open)));
    const mean = moves.reduce((sum, one) => sum + one, 0) / moves.length;
    const variance = moves.reduce((sum, one) => sum + (one - mean) ** 2, 0);
    const lagged = moves.slice(1).reduce((sum, one, i) => sum + (one - mean) * ((moves[i] ?? 0) - mean), 0);
    expect(lagged / variance).toBeGreaterThan(0.1);
  });

  test('nothing is served that has not closed', () => {
    const nowMs = FROM + 90_500;
    const served = market.candles({
      symbol: SYMBOL,
      timeframe: '1m',
      fromMs: FROM,
      toMs: Number.POSITIVE_INFINITY,
      limit: 10,
      nowMs,
    });
    expect(served.map((one) => one.openMs)).toEqual([FROM]);
  });
});

describe('through the ccxt path, a replay server', () => {
  test('gives every candle, bit for bit, in the fewest pages', async () => {
    const { source, server } = await open();
    const pages = await fetchAll(source, asked);
    expect(candlesOf(pages)).toEqual(truth(asked.fromMs, asked.toMs));
    expect(normalizeRanges(pages.flatMap((page) => page.proven))).toEqual([
      { fromMs: asked.fromMs, toMs: asked.toMs },
    ]);
    expect(klines(server)).toHaveLength(3);
  });

  test('every request is paid with its weight before it is sent, and its headers are heard', async () => {
    const { source, passed, used } = await open();
    await fetchAll(source, { ...asked, urgent: true });
    expect(passed.map((one) => [one.purpose, one.weight])).toEqual([
      ['time', 1],
      ['markets', 20],
      ['candles', 2],
      ['candles', 2],
      ['candles', 2],
    ]);
    expect(passed.every((one) => one.urgent)).toBe(true);
    expect(used.at(-1)).toBe(26);
  });

  test('a market list that the fleet has is not asked for again', async () => {
    const { server, source, passed } = await open();
    await source.findSymbols('btc', AbortSignal.timeout(10_000));
    await fetchAll(source, asked);
    expect(passed.filter((one) => one.purpose === 'markets')).toHaveLength(1);
    expect(server.requests.filter((one) => one.path.includes('exchangeInfo'))).toHaveLength(1);
  });

  test('finds symbols, and the first candle', async () => {
    const { source } = await open();
    const signal = AbortSignal.timeout(10_000);
    expect((await source.findSymbols('eth', signal)).map((one) => one.symbol)).toEqual(['ETH/USDT']);
    expect(await source.findFirstCandle(SYMBOL, '1d', signal)).toBe(market.series[0]?.fromMs);
    await source.ping(signal);
    expect(source.origin).toBe('simulated-market-3');
  });

  test('a symbol that it does not have is told by name', async () => {
    const { source } = await open();
    await expect(fetchAll(source, { ...asked, symbol: 'NO/SUCH' })).rejects.toMatchObject({
      code: 'symbol_unknown',
      retryable: false,
    });
  });

  test('429 carries the Retry-After of the server', async () => {
    const { source } = await open([{ kind: 'rate_limited', rate: 1, retryAfterSeconds: 7 }]);
    await expect(fetchAll(source, asked)).rejects.toMatchObject({
      code: 'rate_limited',
      retryable: true,
      retryAfterMs: 7_000,
    });
  });

  test('spending more than the weight limit is a 429, and going on a ban with its end', async () => {
    const { source } = await open([], { weightLimit: 30 });
    await fetchAll(source, asked);
    const codes: unknown[] = [];
    for (let n = 0; n < 14; n += 1)
      await fetchAll(source, asked).catch((error: { code: string }) => codes.push(error.code));
    expect(codes[0]).toBe('rate_limited');
    expect(codes.at(-1)).toBe('banned');
    await expect(fetchAll(source, asked)).rejects.toMatchObject({
      code: 'banned',
      retryAfterMs: expect.any(Number),
    });
  });

  test('5xx and a connection that is reset in the middle of a body are unavailable: a retry can help', async () => {
    const sick = await open([{ kind: 'server_error', rate: 1, status: 502 }]);
    await expect(fetchAll(sick.source, asked)).rejects.toMatchObject({
      code: 'unavailable',
      retryable: true,
    });
    const cut = await open([{ kind: 'reset_in_body', rate: 1 }]);
    await expect(fetchAll(cut.source, asked)).rejects.toMatchObject({ code: 'unavailable', retryable: true });
  });

  test('latency delays, and longer than the timeout it is timed out', async () => {
    const slow = await open([{ kind: 'latency', rate: 1, delayMs: 60 }]);
    const startedAt = performance.now();
    await fetchAll(slow.source, asked);
    expect(performance.now() - startedAt).toBeGreaterThan(170);
    const silent = await open([{ kind: 'latency', rate: 1, delayMs: 60_000 }], { timeoutMs: 150 });
    await expect(fetchAll(silent.source, asked)).rejects.toMatchObject({
      code: 'timed_out',
      retryable: true,
    });
  });

  test('an answer larger than the limit is malformed, and is not read to its end', async () => {
    const { source } = await open([], { maxAnswerBytes: 20_000 });
    await expect(fetchAll(source, asked)).rejects.toMatchObject({ code: 'answer_malformed' });
  });

  test('the signal stops a request on its way', async () => {
    const { source } = await open([{ kind: 'latency', rate: 1, delayMs: 60_000 }]);
    const stop = new AbortController();
    const fetching = fetchAll(source, { ...asked, signal: stop.signal });
    stop.abort(new Error('told to stop'));
    await expect(fetching).rejects.toThrow('told to stop');
  });

  test('an empty page although data exists proves nothing by itself: the second answer brings the candles', async () => {
    const { source } = await open([{ kind: 'empty_page', rate: 1, times: 1 }]);
    const pages = await fetchAll(source, asked);
    expect(candlesOf(pages)).toEqual(truth(asked.fromMs, asked.toMs));
    expect(normalizeRanges(pages.flatMap((page) => page.proven))).toEqual([
      { fromMs: asked.fromMs, toMs: asked.toMs },
    ]);
  });

  test('two empty pages prove nothing: the stretch is unconfirmed', async () => {
    const { source } = await open([{ kind: 'empty_page', rate: 1 }]);
    const pages = await fetchAll(source, asked);
    expect(pages.flatMap((page) => page.proven)).toEqual([]);
    expect(normalizeRanges(pages.flatMap((page) => page.unconfirmed))).toEqual([
      { fromMs: asked.fromMs, toMs: asked.toMs },
    ]);
    expect(pages.every((page) => page.requests + page.confirmations === 2)).toBe(true);
  });

  test('a forming candle is outside of what was asked, and never comes along', async () => {
    const { source } = await open([{ kind: 'forming_candle', rate: 1 }]);
    const last = alwaysOpen.openAtOrBefore('1m', Date.now());
    const pages = await fetchAll(source, { ...asked, fromMs: last - 10 * M, toMs: last });
    expect(candlesOf(pages).map((one) => one.openMs)).toEqual(
      Array.from({ length: 10 }, (_, i) => last - (10 - i) * M),
    );
  });
});

describe('faults', () => {
  let plan: FaultPlan;
  beforeEach(() => {
    plan = { seed: 5, faults: [{ kind: 'server_error', rate: 0.3, status: 503 }] };
  });

  test('strike by seed: the same requests each time', async () => {
    const strike = async () => {
      const server = await startReplayServer({ market, faults: plan });
      const statuses: number[] = [];
      for (let n = 0; n < 40; n += 1) {
        statuses.push(
          (await fetch(`${server.url}/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=1&startTime=${FROM}`))
            .status,
        );
      }
      await server.close();
      return statuses;
    };
    const first = await strike();
    expect(await strike()).toEqual(first);
    expect(first.filter((status) => status === 503).length).toBeGreaterThan(4);
    expect(first.filter((status) => status === 200).length).toBeGreaterThan(15);
  });

  test('are written as kind:rate:value, and a wrong one says what there is', () => {
    expect(parseFaultFlag('latency:0.5:300')).toEqual({ kind: 'latency', rate: 0.5, delayMs: 300 });
    expect(parseFaultFlag('empty_page')).toEqual({ kind: 'empty_page', rate: 0.1 });
    expect(() => parseFaultFlag('fire')).toThrow(/There are: latency, .*banned/);
    expect(() => parseFaultFlag('latency:2')).toThrow(/a rate from 0 to 1/);
  });
});
