import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  alwaysOpen,
  BadInputError,
  isTimeframe,
  systemClock,
  type Candle,
  type Clock,
  type Timeframe,
} from '@candlefleet/core';
import { createFaultDie, type Fault, type FaultKind, type FaultPlan } from './faults.js';
import type { ReplayMarket } from './replay-market.js';
import { createWeightMeter } from './weight-meter.js';

export interface ReplayServerOptions {
  readonly market: ReplayMarket;
  /** Absent: a free one. */
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  readonly faults?: FaultPlan | undefined;
  /** Request weight a minute; Binance's own by default. */
  readonly weightLimit?: number | undefined;
  readonly clock?: Clock | undefined;
}

export interface ServedRequest {
  readonly atMs: number;
  readonly path: string;
  readonly symbol: string;
  readonly timeframe: string;
  readonly weight: number;
  readonly status: number;
  readonly candles: number;
}

export interface ReplayServer {
  readonly url: string;
  readonly port: number;
  /** The latest requests, oldest first: what tests and load tests count. */
  readonly requests: readonly ServedRequest[];
  close(): Promise<void>;
}

const BINANCE_WEIGHT_LIMIT = 6_000;
const WEIGHTS: Record<string, number> = {
  '/api/v3/klines': 2,
  '/api/v3/exchangeInfo': 20,
  '/api/v3/time': 1,
  '/api/v3/ping': 1,
};
const MOST_CANDLES = 1_000;
const REQUESTS_KEPT = 100_000;

interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Record<string, string>;
  readonly candles?: number;
}

/** Faults that change what an answer says. */
interface Lies {
  readonly isRefused: boolean;
  readonly isEmpty: boolean;
  readonly isForming: boolean;
}

/** A server that speaks Binance's spot wire format over a replay market, with its weights, and with faults by plan. */
export async function startReplayServer(options: ReplayServerOptions): Promise<ReplayServer> {
  const clock = options.clock ?? systemClock;
  const meter = createWeightMeter(options.weightLimit ?? BINANCE_WEIGHT_LIMIT);
  const roll = createFaultDie(options.faults ?? { seed: 1, faults: [] });
  const requests: ServedRequest[] = [];
  const symbols = new Map(options.market.series.map(({ symbol }) => [symbol.replace('/', ''), symbol]));
  let requestNumber = 0;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://replay');
    const symbol = symbols.get(url.searchParams.get('symbol') ?? '') ?? '';
    const timeframe = url.searchParams.get('interval') ?? '';
    const isKlines = url.pathname === '/api/v3/klines';
    const faults = isKlines ? roll({ number: (requestNumber += 1), symbol, timeframe }) : [];
    const fault = <K extends FaultKind>(kind: K) =>
      faults.find((one): one is Extract<Fault, { kind: K }> => one.kind === kind);
    const latency = fault('latency');
    if (latency) await sleep(latency.delayMs);
    const atMs = clock.nowMs();
    const weight = WEIGHTS[url.pathname] ?? 0;
    const spent = meter.spend(weight, atMs);
    const limited = fault('rate_limited');
    const failed = fault('server_error');
    const reply = spent.retryAfterSeconds
      ? refused(spent.retryAfterSeconds, spent.isBan ?? false, atMs)
      : limited
        ? refused(limited.retryAfterSeconds, false, atMs)
        : failed
          ? { status: failed.status, body: 'the server is not well' }
          : answer(url, atMs, {
              isRefused: Boolean(fault('symbol_refused')),
              isEmpty: Boolean(fault('empty_page')),
              isForming: Boolean(fault('forming_candle')),
            });
    requests.push({
      atMs,
      path: url.pathname,
      symbol,
      timeframe,
      weight,
      status: reply.status,
      candles: reply.candles ?? 0,
    });
    if (requests.length > REQUESTS_KEPT) requests.splice(0, REQUESTS_KEPT / 10);
    const text = typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body);
    response.writeHead(reply.status, {
      'content-type': typeof reply.body === 'string' ? 'text/plain' : 'application/json;charset=UTF-8',
      'content-length': Buffer.byteLength(text),
      'x-mbx-used-weight-1m': String(spent.used),
      ...reply.headers,
    });
    if (fault('reset_in_body') && reply.status === 200) {
      response.write(text.slice(0, Math.floor(text.length / 2)), () => response.socket?.resetAndDestroy());
      return;
    }
    response.end(text);
  }

  function answer(url: URL, nowMs: number, lies: Lies): Reply {
    switch (url.pathname) {
      case '/api/v3/ping':
        return { status: 200, body: {} };
      case '/api/v3/time':
        return { status: 200, body: { serverTime: nowMs } };
      case '/api/v3/exchangeInfo':
        return { status: 200, body: exchangeInfo([...symbols.values()], nowMs) };
      case '/api/v3/klines':
        return klines(url.searchParams, nowMs, lies);
      case '/replay/series':
        return { status: 200, body: { identity: options.market.identity, series: options.market.series } };
      default:
        return {
          status: 404,
          body: { code: -1000, msg: 'A replay server answers /api/v3/ping, time, exchangeInfo and klines.' },
        };
    }
  }

  function klines(query: URLSearchParams, nowMs: number, lies: Lies): Reply {
    const symbol = symbols.get(query.get('symbol') ?? '');
    const timeframe = query.get('interval') ?? '';
    if (!symbol || lies.isRefused) return { status: 400, body: { code: -1121, msg: 'Invalid symbol.' } };
    if (!isTimeframe(timeframe)) return { status: 400, body: { code: -1120, msg: 'Invalid interval.' } };
    if (lies.isEmpty) return { status: 200, body: [], candles: 0 };
    const limit = Math.min(MOST_CANDLES, Number(query.get('limit') ?? 500));
    const toMs = query.has('endTime') ? Number(query.get('endTime')) + 1 : Number.POSITIVE_INFINITY;
    const fromMs = Number(query.get('startTime') ?? 0);
    const candles = options.market.candles({ symbol, timeframe, fromMs, toMs, limit, nowMs });
    const forming = lies.isForming ? options.market.forming(symbol, timeframe, nowMs) : undefined;
    if (forming && forming.openMs >= fromMs) candles.push(forming);
    return { status: 200, body: candles.map((candle) => toWire(candle, timeframe)), candles: candles.length };
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });
  const host = options.host ?? '127.0.0.1';
  await listen(server, options.port ?? 0, host);
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    url: `http://${host}:${port}`,
    port,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: ReturnType<typeof createServer>, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') reject(error);
      else
        reject(
          new BadInputError(
            `Port ${port} is in use. Choose another one with --port, or leave it out for a free one.`,
          ),
        );
    });
    server.listen(port, host, resolve);
  });
}

function refused(retryAfterSeconds: number, isBan: boolean, nowMs: number): Reply {
  const until = nowMs + retryAfterSeconds * 1_000;
  const msg = isBan
    ? `Way too much request weight used; IP banned until ${until}. Please use WebSocket Streams for live updates to avoid bans.`
    : 'Too much request weight used; please use WebSocket Streams for live updates to avoid polling the API.';
  return {
    status: isBan ? 418 : 429,
    body: { code: -1003, msg },
    headers: { 'retry-after': String(retryAfterSeconds) },
  };
}

/** A kline's twelve fields; prices and volumes as decimal text, as Binance sends them. */
function toWire(candle: Candle, timeframe: Timeframe): unknown[] {
  const closeMs = alwaysOpen.closeOf(timeframe, candle.openMs) - 1;
  const { openMs, open, high, low, close, volume } = candle;
  return [
    openMs,
    String(open),
    String(high),
    String(low),
    String(close),
    String(volume),
    closeMs,
    '0',
    0,
    '0',
    '0',
    '0',
  ];
}

function exchangeInfo(symbols: readonly string[], nowMs: number) {
  return {
    timezone: 'UTC',
    serverTime: nowMs,
    rateLimits: [
      { rateLimitType: 'REQUEST_WEIGHT', interval: 'MINUTE', intervalNum: 1, limit: BINANCE_WEIGHT_LIMIT },
    ],
    exchangeFilters: [],
    symbols: symbols.map((symbol) => {
      const [baseAsset = '', quoteAsset = ''] = symbol.split('/');
      return {
        symbol: `${baseAsset}${quoteAsset}`,
        status: 'TRADING',
        baseAsset,
        baseAssetPrecision: 8,
        quoteAsset,
        quotePrecision: 8,
        quoteAssetPrecision: 8,
        orderTypes: ['LIMIT', 'MARKET'],
        isSpotTradingAllowed: true,
        isMarginTradingAllowed: false,
        filters: [
          {
            filterType: 'PRICE_FILTER',
            minPrice: '0.00000001',
            maxPrice: '1000000.00000000',
            tickSize: '0.00000001',
          },
          {
            filterType: 'LOT_SIZE',
            minQty: '0.00000001',
            maxQty: '9000000.00000000',
            stepSize: '0.00000001',
          },
        ],
        permissions: ['SPOT'],
        permissionSets: [['SPOT']],
      };
    }),
  };
}
