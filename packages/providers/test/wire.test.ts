import { normalizeRanges, type Candle, type Timeframe } from '@candlefleet/core';
import { readShared, sharedFolder, WITHOUT_SHARED } from '@candlefleet/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { fetchAll, memoryCache, openTestSource } from './open-test-source.js';
import { serveBodies } from './serve-bodies.js';

const shared = sharedFolder();
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

const market = (id: string, symbol: string) => {
  const [base, quote] = symbol.split('/');
  return { id, symbol, base, quote, baseId: base, quoteId: quote, type: 'spot', spot: true, active: true };
};

/** The body of a recorded exchange, without the lines that say what was asked. */
const bodyOf = (file: string) => {
  const text = readShared(`wire/${file}`);
  return text.slice(
    Math.min(...['[', '{'].map((sign) => (text.includes(sign) ? text.indexOf(sign) : text.length))),
  );
};
const row = ([openMs, open, high, low, close, volume]: number[]): Candle => ({
  openMs: openMs ?? 0,
  open: open ?? 0,
  high: high ?? 0,
  low: low ?? 0,
  close: close ?? 0,
  volume: volume ?? 0,
});

interface Case {
  readonly provider: string;
  readonly file: string;
  readonly id: string;
  readonly symbol: string;
  readonly timeframe: Timeframe;
  /** Where the request must go. */
  readonly path: RegExp;
  /** The candles in the body, read without ccxt. */
  readonly candles: (body: string) => Candle[];
}

const CASES: Case[] = [
  {
    provider: 'kraken',
    file: 'kraken/ohlc-XBTUSDT-1m.json.gz',
    id: 'XBTUSDT',
    symbol: 'BTC/USDT',
    timeframe: '1m',
    path: /\/0\/public\/OHLC/,
    candles: (body) =>
      JSON.parse(body).result.XBTUSDT.map((r: string[]) =>
        row([Number(r[0]) * 1_000, ...[1, 2, 3, 4, 6].map((i) => Number(r[i]))]),
      ),
  },
  {
    provider: 'coinbase',
    file: 'coinbase/candles.json.gz',
    id: 'BTC-USD',
    symbol: 'BTC/USD',
    timeframe: '1h',
    path: /products\/BTC-USD\/candles/,
    candles: (body) =>
      JSON.parse(body).candles.map((r: Record<string, string>) =>
        row([
          Number(r['start']) * 1_000,
          ...['open', 'high', 'low', 'close', 'volume'].map((key) => Number(r[key])),
        ]),
      ),
  },
  {
    provider: 'bybit',
    file: 'bybit/klines.jkorf.txt.gz',
    id: 'BTCUSDT',
    symbol: 'BTC/USDT',
    timeframe: '1h',
    path: /\/v5\/market\/kline/,
    candles: (body) => JSON.parse(body).result.list.map((r: string[]) => row(r.slice(0, 6).map(Number))),
  },
  {
    provider: 'okx',
    file: 'okx/candlesticks.json.gz',
    id: 'BTC-USDT',
    symbol: 'BTC/USDT',
    timeframe: '1m',
    path: /\/api\/v5\/market\/(?:history-)?candles/,
    candles: (body) => JSON.parse(body).data.map((r: string[]) => row(r.slice(0, 6).map(Number))),
  },
  {
    provider: 'bitfinex',
    file: 'bitfinex/BTCUSD-1m-2013-04.raw-2h-windows.jsonl.gz',
    id: 'tBTCUSD',
    symbol: 'BTC/USD',
    timeframe: '1m',
    path: /\/v2\/candles\/trade:1m:tBTCUSD\/hist/,
    // Bitfinex writes open, close, high, low.
    candles: (body) =>
      JSON.parse(body).map(([t, o, c, h, l, v]: number[]) =>
        row([t ?? 0, o ?? 0, h ?? 0, l ?? 0, c ?? 0, v ?? 0]),
      ),
  },
];

describe.skipIf(!shared)(
  `real answers, served locally through the same adapter ${shared ? '' : WITHOUT_SHARED}`,
  () => {
    test.each(CASES)('$provider: every candle of the body arrives as it was sent', async (one) => {
      const text = bodyOf(one.file);
      const body = one.file.endsWith('.jsonl.gz') ? String(JSON.parse(text.split('\n')[0] ?? '').body) : text;
      // Kraken answers 720 candles at most: what is older is beyond its reach.
      const candles = one
        .candles(body)
        .sort((a, b) => a.openMs - b.openMs)
        .slice(-718);
      const first = candles[0]?.openMs ?? 0;
      const last = candles.at(-1)?.openMs ?? 0;
      const server = await serveBodies(() => ({ body }));
      closing.push(() => server.close());
      const { source, passed } = await openTestSource(one.provider, server.url, {
        markets: memoryCache({ [one.provider]: [market(one.id, one.symbol)] }),
        clock: { nowMs: () => last + 60_000 },
      });
      closing.push(() => source.close());
      const asked = { symbol: one.symbol, timeframe: one.timeframe, fromMs: first, toMs: last + 1 };
      const pages = await fetchAll(source, asked);
      const got = new Map(pages.flatMap((page) => page.candles).map((candle) => [candle.openMs, candle]));
      expect([...got.values()].sort((a, b) => a.openMs - b.openMs)).toEqual([
        ...new Map(candles.map((c) => [c.openMs, c])).values(),
      ]);
      expect(server.asked.every((url) => one.path.test(url.pathname))).toBe(true);
      expect(passed.every((pass) => pass.purpose === 'candles' || pass.purpose === 'confirmation')).toBe(
        true,
      );
    });

    test('bitfinex: holes between candles are proven by the answer that spans them: it writes no candle when nobody trades', async () => {
      const windows = readShared('wire/bitfinex/BTCUSD-1m-2013-04.raw-2h-windows.jsonl.gz')
        .trim()
        .split('\n')
        .slice(0, 20);
      const rows: number[][] = windows.flatMap((line) => JSON.parse(JSON.parse(line).body));
      const server = await serveBodies((url) => {
        const start = Number(url.searchParams.get('start') ?? 0);
        const limit = Number(url.searchParams.get('limit') ?? 100);
        return { body: JSON.stringify(rows.filter((r) => (r[0] ?? 0) >= start).slice(0, limit)) };
      });
      closing.push(() => server.close());
      const { source } = await openTestSource('bitfinex', server.url, {
        markets: memoryCache({ bitfinex: [market('tBTCUSD', 'BTC/USD')] }),
      });
      closing.push(() => source.close());
      const fromMs = rows[0]?.[0] ?? 0;
      const toMs = (rows.at(-1)?.[0] ?? 0) + 60_000;
      const pages = await fetchAll(source, { symbol: 'BTC/USD', timeframe: '1m', fromMs, toMs });
      expect(pages.flatMap((page) => page.candles)).toHaveLength(rows.length);
      expect(rows.length).toBeLessThan((toMs - fromMs) / 60_000);
      expect(normalizeRanges(pages.flatMap((page) => page.proven))).toEqual([{ fromMs, toMs }]);
      expect(pages.reduce((sum, page) => sum + page.confirmations, 0)).toBe(0);
    });

    const bodies = shared
      ? readShared('wire/errors/observed-error-bodies.jsonl.gz')
          .trim()
          .split('\n')
          .map((line): { provider: string; status: number; body: string } => JSON.parse(line))
      : [];
    const CODES: Record<string, string> = {
      'binance 400': 'symbol_unknown',
      'binance 429': 'rate_limited',
      'binance 418': 'banned',
      'kraken 200': 'rate_limited',
    };
    test.each(Object.entries(CODES))('%s is %s', async (what, code) => {
      const [provider = '', status] = what.split(' ');
      const seen = bodies.find((one) => one.provider === provider && one.status === Number(status));
      const server = await serveBodies(() => ({ status: seen?.status ?? 0, body: seen?.body ?? '' }));
      closing.push(() => server.close());
      const { source } = await openTestSource(provider, server.url, {
        markets: memoryCache({ [provider]: [market('X', 'BTC/USDT')] }),
      });
      closing.push(() => source.close());
      const toMs = Math.floor(Date.now() / 60_000) * 60_000;
      await expect(
        fetchAll(source, { symbol: 'BTC/USDT', timeframe: '1m', fromMs: toMs - 600_000, toMs }),
      ).rejects.toMatchObject({ code });
    });
  },
);

describe('answers that are none', () => {
  const MALFORMED: [string, { status?: number; body: string; headers?: Record<string, string> }, string][] = [
    [
      'an HTML page with status 200',
      { body: '<html>maintenance</html>', headers: { 'content-type': 'text/html' } },
      'answer_malformed',
    ],
    ['half an answer', { body: '[[1704067200000,"1","2","0.5","1","3",17040' }, 'answer_malformed'],
    ['an object where rows were expected', { body: '{"rows":[]}' }, 'answer_malformed'],
    [
      'a key that is refused',
      { status: 401, body: '{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}' },
      'not_authorised',
    ],
    ['an HTML page with status 503', { status: 503, body: '<html>down</html>' }, 'unavailable'],
  ];
  test.each(MALFORMED)('%s', async (_what, served, code) => {
    const server = await serveBodies(() => served);
    closing.push(() => server.close());
    const { source } = await openTestSource('binance', server.url, {
      markets: memoryCache({ binance: [market('BTCUSDT', 'BTC/USDT')] }),
    });
    closing.push(() => source.close());
    const fromMs = Date.UTC(2024, 0, 1);
    await expect(
      fetchAll(source, { symbol: 'BTC/USDT', timeframe: '1m', fromMs, toMs: fromMs + 600_000 }),
    ).rejects.toMatchObject({ code });
  });

  test('a number that is none spoils its candle, and not the answer', async () => {
    const fromMs = Date.UTC(2024, 0, 1);
    const rows = [0, 1, 2].map((n) => [
      fromMs + n * 60_000,
      '1',
      n === 1 ? null : '2',
      '0.5',
      '1',
      '3',
      0,
      '0',
      0,
      '0',
      '0',
      '0',
    ]);
    const server = await serveBodies(() => ({ body: JSON.stringify(rows) }));
    closing.push(() => server.close());
    const { source } = await openTestSource('binance', server.url, {
      markets: memoryCache({ binance: [market('BTCUSDT', 'BTC/USDT')] }),
    });
    closing.push(() => source.close());
    const pages = await fetchAll(source, {
      symbol: 'BTC/USDT',
      timeframe: '1m',
      fromMs,
      toMs: fromMs + 180_000,
    });
    expect(pages.flatMap((page) => page.candles).map((one) => one.high)).toEqual([2, Number.NaN, 2]);
  });

  test('a server that is not there is unavailable, and the error holds no key', async () => {
    const { source } = await openTestSource('binance', 'http://127.0.0.1:1', {
      markets: memoryCache({ binance: [market('BTCUSDT', 'BTC/USDT')] }),
      credentials: { apiKey: 'CANARY-KEY', secret: 'CANARY-SECRET' },
    });
    closing.push(() => source.close());
    const fromMs = Date.UTC(2024, 0, 1);
    const failure = fetchAll(source, { symbol: 'BTC/USDT', timeframe: '1m', fromMs, toMs: fromMs + 60_000 });
    const error = await failure.then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    expect(error).toMatchObject({ code: 'unavailable', retryable: true });
    expect(`${error?.message}`).not.toContain('CANARY');
  });

  test('there is no provider of that name', async () => {
    await expect(openTestSource('no-such-exchange', 'http://127.0.0.1:1')).rejects.toMatchObject({
      code: 'provider_unknown',
    });
  });
});
