import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { BadInputError, systemClock, type Clock } from '@candlefleet/core';
import { BINANCE_WEIGHT_LIMIT, exchangeInfo, refused, type Reply } from './binance-wire.js';
import { createControl } from './control.js';
import { createFaultDie, type Struck } from './fault-die.js';
import type { FaultPlan } from './fault-plan.js';
import type { ReplayMarket } from './replay-market.js';
import { createRequestLog, type RequestTotals, type ServedRequest } from './request-log.js';
import { createRevisions } from './revisions.js';
import { sendReply } from './send-reply.js';
import { serveKlines } from './serve-klines.js';
import { createWeightMeter, type Spent } from './weight-meter.js';

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

export interface ReplayServer {
  readonly url: string;
  readonly port: number;
  /** The latest requests that were answered, oldest first: what tests and load tests count. */
  readonly requests: readonly ServedRequest[];
  /** What holds for all requests. */
  readonly totals: RequestTotals;
  close(): Promise<void>;
}

const WEIGHTS: Record<string, number> = {
  '/api/v3/klines': 2,
  '/api/v3/exchangeInfo': 20,
  '/api/v3/time': 1,
  '/api/v3/ping': 1,
};
const NO_FAULTS: Struck = { of: () => undefined };

/** A server that speaks Binance's spot wire format over a replay market, with its weights, and with faults by plan. */
export async function startReplayServer(options: ReplayServerOptions): Promise<ReplayServer> {
  const { market, clock = systemClock, weightLimit = BINANCE_WEIGHT_LIMIT } = options;
  const meter = createWeightMeter(weightLimit);
  const die = createFaultDie(options.faults ?? { seed: 1, faults: [] });
  const log = createRequestLog();
  const revisions = createRevisions();
  const control = createControl({ log, die, revisions, weightLimit });
  const symbols = new Map(market.series.map(({ symbol }) => [symbol.replace('/', ''), symbol]));
  let klinesNumber = 0;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://replay');
    const told = await control.handle(url, request);
    if (told) return sendReply(response, told, NO_FAULTS);

    const symbol = symbols.get(url.searchParams.get('symbol') ?? '') ?? '';
    const timeframe = url.searchParams.get('interval') ?? '';
    const isKlines = url.pathname === '/api/v3/klines';
    const requestNumber = isKlines ? (klinesNumber += 1) : 0;
    const faults = isKlines ? die.roll({ number: requestNumber, symbol, timeframe }) : NO_FAULTS;
    const arrived = log.arrive(WEIGHTS[url.pathname] ?? 0, clock.nowMs());
    const { used, refusal } = admit(meter.spend(arrived.weight, arrived.atMs), faults, arrived.atMs);
    const latency = faults.of('latency');
    if (latency) await sleep(latency.delayMs);
    const nowMs = clock.nowMs();
    const reply =
      refusal ??
      (isKlines
        ? await serveKlines(
            { market, revisions },
            { query: url.searchParams, symbol, nowMs, requestNumber, faults },
          )
        : answer(url.pathname, nowMs));
    log.answered({
      ...arrived,
      path: url.pathname,
      symbol,
      timeframe,
      status: reply.status,
      candles: reply.candles ?? 0,
    });
    const headers = { 'x-mbx-used-weight-1m': String(used), ...reply.headers };
    await sendReply(response, { ...reply, headers }, faults);
    if (reply.status === 418) log.banTold(clock.nowMs());
  }

  /** Whether a request is let in; a ban begins where a fault or the weights say so. */
  function admit(spent: Spent, faults: Struck, nowMs: number): { used: number; refusal?: Reply } {
    const { used } = spent;
    if (spent.refused) {
      const { untilMs, isBan, isBanNew } = spent.refused;
      if (isBanNew) log.banBegins(nowMs, untilMs);
      return { used, refusal: refused(untilMs, isBan, nowMs) };
    }
    const banned = faults.of('banned');
    if (banned) {
      const untilMs = nowMs + banned.banSeconds * 1_000;
      meter.ban(untilMs);
      log.banBegins(nowMs, untilMs);
      return { used, refusal: refused(untilMs, true, nowMs) };
    }
    const limited = faults.of('rate_limited');
    if (limited) return { used, refusal: refused(nowMs + limited.retryAfterSeconds * 1_000, false, nowMs) };
    return { used };
  }

  function answer(path: string, nowMs: number): Reply {
    switch (path) {
      case '/api/v3/ping':
        return { status: 200, body: {} };
      case '/api/v3/time':
        return { status: 200, body: { serverTime: nowMs } };
      case '/api/v3/exchangeInfo':
        return { status: 200, body: exchangeInfo([...symbols.values()], nowMs) };
      case '/replay/series':
        return { status: 200, body: { identity: market.identity, series: market.series } };
      default:
        return {
          status: 404,
          body: { code: -1000, msg: 'A replay server answers /api/v3/ping, time, exchangeInfo and klines.' },
        };
    }
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else response.writeHead(500).end(String(error));
    });
  });
  const host = options.host ?? '127.0.0.1';
  await listen(server, options.port ?? 0, host);
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    url: `http://${host}:${port}`,
    port,
    requests: log.kept,
    get totals() {
      return log.totals;
    },
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
