import { afterEach, expect, test } from 'vitest';
import { fetchAll, memoryCache, openTestSource } from './open-test-source.js';
import { serveBodies, type ServedBody } from './serve-bodies.js';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function open(served: ServedBody, provider = 'binance', lists: Record<string, unknown> = {}) {
  const server = await serveBodies(() => served);
  closing.push(() => server.close());
  const opened = await openTestSource(provider, server.url, { markets: memoryCache(lists) });
  closing.push(() => opened.source.close());
  return opened;
}
const signal = () => AbortSignal.timeout(10_000);

const TOO_MUCH: ServedBody = {
  status: 429,
  headers: { 'retry-after': '7' },
  body: '{"code":-1003,"msg":"Too much request weight used."}',
};
const BANNED: ServedBody = {
  status: 418,
  headers: { 'retry-after': '90' },
  body: '{"code":-1003,"msg":"Way too much request weight used; IP banned."}',
};

test.each([
  ['a market list', TOO_MUCH, { retryAfterMs: 7_000, isBan: false }],
  ['a market list', BANNED, { retryAfterMs: 90_000, isBan: true }],
])('%s that is refused is heard by the gate', async (_what, served, heard) => {
  const { source, refused } = await open(served);
  await expect(source.findSymbols('btc', signal())).rejects.toMatchObject({
    retryAfterMs: heard.retryAfterMs,
  });
  expect(refused).toEqual([heard]);
});

test('so are a ping and the look for a first candle', async () => {
  const lists = {
    binance: [
      { id: 'BTCUSDT', symbol: 'BTC/USDT', base: 'BTC', quote: 'USDT', baseId: 'BTC', quoteId: 'USDT' },
    ],
  };
  const { source, refused } = await open(TOO_MUCH, 'binance', lists);
  await expect(source.ping(signal())).rejects.toMatchObject({ code: 'rate_limited' });
  await expect(source.findFirstCandle('BTC/USDT', '1d', signal())).rejects.toMatchObject({
    code: 'rate_limited',
  });
  expect(refused).toHaveLength(2);
});

test('so is what the opening of a source asks', async () => {
  const server = await serveBodies(() => BANNED);
  closing.push(() => server.close());
  const heard: unknown[] = [];
  const gate = {
    pass: async () => {},
    observeUsed: () => {},
    observeRefused: async ({ isBan }: { isBan: boolean }) => void heard.push(isBan),
  };
  await expect(openTestSource('replay', server.url, { gate })).rejects.toMatchObject({ code: 'banned' });
  expect(heard).toEqual([true]);
});

test('where the server does not say how long, we keep away for a default time', async () => {
  const { source, refused } = await open({ status: 429, body: '{}' });
  await expect(source.findSymbols('btc', signal())).rejects.toMatchObject({ code: 'rate_limited' });
  expect(refused).toEqual([{ retryAfterMs: 10_000, isBan: false }]);
});

test('an error of another kind is no refusal', async () => {
  const lists = {
    binance: [
      { id: 'BTCUSDT', symbol: 'BTC/USDT', base: 'BTC', quote: 'USDT', baseId: 'BTC', quoteId: 'USDT' },
    ],
  };
  const { source, refused } = await open({ status: 503, body: 'down' }, 'binance', lists);
  const asked = { symbol: 'BTC/USDT', timeframe: '1m' as const, fromMs: 0, toMs: 600_000 };
  await expect(fetchAll(source, asked)).rejects.toMatchObject({ code: 'unavailable' });
  expect(refused).toEqual([]);
});

test('a server that is no replay server is told so', async () => {
  const server = await serveBodies(() => ({ status: 404, body: '{"code":-1}' }));
  closing.push(() => server.close());
  await expect(openTestSource('replay', server.url)).rejects.toThrow(/no replay server.*candlefleet replay/);
});
