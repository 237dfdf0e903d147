import { alwaysOpen, type Candle, type Timeframe } from '@candlefleet/core';
import { expect, test } from 'vitest';
import { createDayCache } from './day-cache.js';
import { startReplayServer } from './replay-server.js';
import { createSimulatedMarket } from './simulated-market.js';

const SYMBOL = 'BTC/USDT';
const MONDAY = Date.UTC(2024, 4, 6);
const NOW = Date.UTC(2025, 0, 1);
const HOUR = 3_600_000;

const read = (timeframe: Timeframe, fromMs: number, toMs: number): Candle[] =>
  createSimulatedMarket({ seed: 3, symbols: [SYMBOL] }).candles({
    symbol: SYMBOL,
    timeframe,
    fromMs,
    toMs,
    limit: 1e6,
    nowMs: NOW,
  });

const join = (parts: Candle[]) => ({
  openMs: parts[0]?.openMs,
  open: parts[0]?.open,
  high: Math.max(...parts.map((one) => one.high)),
  low: Math.min(...parts.map((one) => one.low)),
  close: parts.at(-1)?.close,
  volume: parts.reduce((sum, one) => sum + Math.round(one.volume * 100_000), 0) / 100_000,
});

test.each([
  ['4h', '1m'],
  ['1d', '1h'],
  ['1w', '1h'],
  ['1w', '1d'],
] as const)('a %s candle is exactly its %s candles, which another market computed', (coarse, fine) => {
  const toMs = alwaysOpen.closeOf(coarse, MONDAY);
  expect(read(coarse, MONDAY, toMs)).toEqual([join(read(fine, MONDAY, toMs))]);
});

test('a forming candle is its whole days and the minutes since', () => {
  const market = createSimulatedMarket({ seed: 3, symbols: [SYMBOL] });
  const nowMs = MONDAY + 50 * HOUR;
  expect(market.forming(SYMBOL, '1w', nowMs)).toEqual(join(read('1h', MONDAY, nowMs)));
});

test('days are remembered up to a bound, and the oldest are forgotten first', () => {
  const days = createDayCache<number>(2);
  const computed: number[] = [];
  const get = (day: number) =>
    days.get('A', day, () => {
      computed.push(day);
      return day * 10;
    });
  expect([1, 2, 2, 3, 2, 1].map(get)).toEqual([10, 20, 20, 30, 20, 10]);
  expect(computed).toEqual([1, 2, 3, 1]);
});

test('others are answered while a page of weeks is computed', async () => {
  const market = createSimulatedMarket({ seed: 3, symbols: [SYMBOL] });
  const server = await startReplayServer({ market, clock: { nowMs: () => NOW } });
  const order: string[] = [];
  const ask = (what: string, path: string) =>
    fetch(`${server.url}${path}`).then((answer) => answer.text().then(() => order.push(what)));
  const weeks = ask('weeks', '/api/v3/klines?symbol=BTCUSDT&interval=1w&limit=100');
  while (!order.includes('weeks')) await ask('ping', '/api/v3/ping');
  await weeks;
  await server.close();
  expect(order.indexOf('weeks')).toBeGreaterThan(5);
});
