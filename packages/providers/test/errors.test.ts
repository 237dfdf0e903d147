import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { FleetError } from '@candlefleet/core';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { SourceOptions } from '../src/ccxt/open-ccxt-source.js';
import { fetchAll, memoryCache, openTestSource } from './open-test-source.js';
import { serveBodies, type ServedBody } from './serve-bodies.js';

const M = 60_000;
const FROM = Date.UTC(2024, 0, 1);
const ASKED = { symbol: 'BTC/USDT', timeframe: '1m' as const, fromMs: FROM, toMs: FROM + 10 * M };
const ROWS = Array.from({ length: 10 }, (_, n) => [FROM + n * M, '1', '2', '0.5', '1', '3']);
const MARKET = { id: 'BTCUSDT', symbol: 'BTC/USDT', base: 'BTC', quote: 'USDT', type: 'spot', spot: true };

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function openOver(url: string, options: Partial<SourceOptions> = {}, provider = 'binance') {
  const opened = await openTestSource(provider, url, {
    markets: memoryCache({ [provider]: [MARKET] }),
    ...options,
  });
  closing.push(() => opened.source.close());
  return opened;
}

async function openOn(
  answer: (nth: number) => ServedBody | 'silence',
  options: Partial<SourceOptions> = {},
  provider = 'binance',
) {
  let asked = 0;
  const server = await serveBodies(() => answer((asked += 1)));
  closing.push(() => server.close());
  return { server, ...(await openOver(server.url, options, provider)) };
}

describe('an answer that is none says whether a retry helps, and when', () => {
  const ban = () =>
    JSON.stringify({
      code: -1003,
      msg: `Way too much request weight used; IP banned until ${Date.now() + 600_000}.`,
    });
  const CASES: [
    string,
    ServedBody | (() => ServedBody),
    { code: string; retryable: boolean; afterMs?: number },
  ][] = [
    [
      '429 with seconds',
      { status: 429, headers: { 'retry-after': '7' }, body: '{}' },
      { code: 'rate_limited', retryable: true, afterMs: 7_000 },
    ],
    [
      '429 with a date',
      () => ({
        status: 429,
        headers: { 'retry-after': new Date(Date.now() + 90_000).toUTCString() },
        body: '{}',
      }),
      { code: 'rate_limited', retryable: true, afterMs: 90_000 },
    ],
    [
      '429 without a word',
      { status: 429, body: '{}' },
      { code: 'rate_limited', retryable: true, afterMs: 10_000 },
    ],
    [
      '429 with nonsense',
      { status: 429, headers: { 'retry-after': 'soon' }, body: '{}' },
      { code: 'rate_limited', retryable: true, afterMs: 10_000 },
    ],
    [
      '418 with its end in the body',
      () => ({ status: 418, body: ban() }),
      { code: 'banned', retryable: true, afterMs: 600_000 },
    ],
    [
      '418 with seconds',
      { status: 418, headers: { 'retry-after': '120' }, body: '{}' },
      { code: 'banned', retryable: true, afterMs: 120_000 },
    ],
    [
      '503 with seconds',
      { status: 503, headers: { 'retry-after': '30' }, body: '<html>down</html>' },
      { code: 'unavailable', retryable: true, afterMs: 30_000 },
    ],
    ['500 without a word', { status: 500, body: '' }, { code: 'unavailable', retryable: true }],
    [
      'an unknown symbol',
      { status: 400, body: '{"code":-1121,"msg":"Invalid symbol."}' },
      { code: 'symbol_unknown', retryable: false },
    ],
    [
      'a key that is refused',
      { status: 401, body: '{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}' },
      { code: 'not_authorised', retryable: false },
    ],
    ['no JSON', { body: '<html>maintenance</html>' }, { code: 'answer_malformed', retryable: true }],
  ];
  test.each(CASES)('%s', async (_what, served, { code, retryable, afterMs }) => {
    const { source } = await openOn(() => (typeof served === 'function' ? served() : served));
    const error: unknown = await fetchAll(source, ASKED).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, retryable });
    const told = error instanceof FleetError ? error.retryAfterMs : Number.NaN;
    if (afterMs === undefined) expect(told).toBeUndefined();
    else expect(Math.abs((told ?? 0) - afterMs)).toBeLessThan(5_000);
  });
});

describe('a request', () => {
  test('that the gate does not let pass is not sent; its reason is told as it is', async () => {
    const refusal = new FleetError({
      code: 'budget_exhausted',
      message: 'later',
      retryable: true,
      retryAfterMs: 9,
    });
    const gate = {
      pass: () => Promise.reject(refusal),
      observeUsed: () => {},
      observeRefused: async () => {},
    };
    const { server, source } = await openOn(() => ({ body: JSON.stringify(ROWS) }), { gate });
    await expect(fetchAll(source, ASKED)).rejects.toBe(refusal);
    expect(server.asked).toEqual([]);
  });

  test('is paid again when it is sent again: each page, each confirmation', async () => {
    const { server, source, passed } = await openOn(() => ({ body: '[]' }));
    await fetchAll(source, ASKED);
    expect(passed.map((one) => one.purpose)).toEqual(['candles', 'confirmation']);
    expect(server.asked).toHaveLength(2);
  });

  test('for a timeframe that the exchange does not have is refused, and not sent', async () => {
    const { server, source } = await openOn(() => ({ body: '[]' }), {}, 'coinbase');
    await expect(fetchAll(source, { ...ASKED, timeframe: '1w' })).rejects.toMatchObject({
      code: 'request_refused',
      retryable: false,
    });
    expect(server.asked).toEqual([]);
  });

  test('of a market list that failed is asked for again by the next one', async () => {
    const { source, passed } = await openOn(() => ({ status: 503, body: '' }), { markets: memoryCache() });
    for (let n = 1; n <= 2; n += 1) {
      await expect(fetchAll(source, ASKED)).rejects.toMatchObject({ code: 'unavailable' });
      expect(passed.filter((one) => one.purpose === 'markets')).toHaveLength(n);
    }
  });
});

/** A server of its own, for what no whole body is. */
async function openServer(answer: RequestListener, options: Partial<SourceOptions> = {}) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return { server, ...(await openOver(`http://127.0.0.1:${port}`, options)) };
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc()');
}

const JSON_HEAD = { 'content-type': 'application/json' };

describe('a body that stops in the middle', () => {
  const half: RequestListener = (_request, response) => {
    response.writeHead(200, JSON_HEAD);
    response.write('[[17040672');
  };

  test('is timed out', async () => {
    const { source } = await openServer(half, { timeoutMs: 200 });
    await expect(fetchAll(source, ASKED)).rejects.toMatchObject({ code: 'timed_out', retryable: true });
  });

  test('is timed out also where the garbage collector took what fetch holds weakly', async () => {
    const { source } = await openServer(half, { timeoutMs: 300 });
    const collecting = setInterval(collectGarbage, 30);
    try {
      await expect(fetchAll(source, ASKED)).rejects.toMatchObject({ code: 'timed_out' });
    } finally {
      clearInterval(collecting);
    }
  });

  test('ends by the signal, with its reason', async () => {
    const { server, source } = await openServer(half);
    const stop = new AbortController();
    const reason = new Error('told to stop');
    const fetching = fetchAll(source, { ...ASKED, signal: stop.signal });
    await once(server, 'request');
    stop.abort(reason);
    await expect(fetching).rejects.toBe(reason);
  });

  test('of a refusal is one all the same, and is heard before its end', async () => {
    const { source, refused } = await openServer(
      (_request, response) => {
        response.writeHead(418, { ...JSON_HEAD, 'retry-after': '60' });
        response.write('{"code":');
      },
      { timeoutMs: 200 },
    );
    const fetching = fetchAll(source, ASKED).catch((thrown: unknown) => thrown);
    await vi.waitUntil(() => refused.length > 0);
    expect(await Promise.race([fetching, 'still reading'])).toBe('still reading');
    expect(await fetching).toMatchObject({ code: 'banned', retryAfterMs: 60_000 });
    expect(refused).toEqual([{ retryAfterMs: 60_000, isBan: true }]);
  });
});

describe('a body of 50 MB', () => {
  function* padding() {
    yield Buffer.from('[]');
    for (let n = 0; n < 800; n += 1) yield Buffer.alloc(64 * 1024, ' ');
  }

  test.each([
    [200, 'answer_malformed'],
    [503, 'unavailable'],
  ])('with status %i is read no further than a page, or an error, may go', async (status, code) => {
    let sent = 0;
    const { source } = await openServer((_request, response) => {
      const { socket } = response;
      socket?.once('close', () => (sent = socket.bytesWritten));
      response.writeHead(status, JSON_HEAD);
      // As fast as it is read, for as long as it is.
      void pipeline(Readable.from(padding()), response).catch(() => undefined);
    });
    await expect(fetchAll(source, ASKED)).rejects.toMatchObject({ code, retryable: true });
    await vi.waitUntil(() => sent > 0);
    // Sockets hold a few MB.
    expect(sent).toBeLessThan(20 * 1024 * 1024);
  });
});
