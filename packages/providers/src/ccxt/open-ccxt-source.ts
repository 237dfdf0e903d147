import {
  alwaysOpen,
  systemClock,
  type Candle,
  type CandleSource,
  type Clock,
  type MarketCache,
  type RequestGate,
  type SymbolInfo,
  type Timeframe,
} from '@candlefleet/core';
import { z } from 'zod';
import { AnswerMalformedError, RefusedError, RequestRefusedError } from '../errors.js';
import { fetchPages } from '../fetch-pages.js';
import { createFirstCandleSearch } from '../find-first-candle.js';
import { answersFromFirstCandle, providerTraits, type BudgetLimits } from '../traits.js';
import { createMarkets, type Market } from './markets.js';
import { openExchange, type Credentials } from './open-exchange.js';
import { parseReplay, replaySymbols, type ReplayFacts } from './read-replay.js';
import { translateError } from './translate-error.js';
import { createWire, type WireContext } from './wire.js';

export interface SourceOptions {
  readonly gate: RequestGate;
  readonly markets: MarketCache;
  /** Another server that speaks the provider's language. Required for `replay`. */
  readonly baseUrl?: string | undefined;
  readonly credentials?: Credentials | undefined;
  readonly limits?: BudgetLimits | undefined;
  readonly timeoutMs?: number | undefined;
  readonly maxAnswerBytes?: number | undefined;
  readonly clock?: Clock | undefined;
}

const TIMEOUT_MS = 15_000;
/** The largest honest answer is an exchange's market list. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;
/** Weight of a market list: Binance's /exchangeInfo costs 20; elsewhere a request is a request. */
const MARKETS_WEIGHT: Record<string, number> = { binance: 20, binanceus: 20, replay: 20 };

type Row = readonly [
  openMs: number,
  open: unknown,
  high: unknown,
  low: unknown,
  close: unknown,
  volume: unknown,
];
// A row is one check: cell by cell, a page took fifteen times as long.
const rowsSchema = z.array(z.custom<Row>(isRow, 'not a time and five values'));

/** A provider by its ccxt id; `replay` is ccxt's binance, pointed at a replay server. */
export async function openCcxtSource(provider: string, options: SourceOptions): Promise<CandleSource> {
  const clock = options.clock ?? systemClock;
  const traits = providerTraits(provider, options.limits);
  const wire = createWire({
    provider,
    clock,
    gate: options.gate,
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    maxAnswerBytes: options.maxAnswerBytes ?? MAX_ANSWER_BYTES,
  });
  const exchangeId = provider === 'replay' ? 'binance' : provider;
  const exchange = await openExchange({
    exchangeId,
    wire,
    baseUrl: options.baseUrl,
    credentials: options.credentials,
  });
  const markets = createMarkets({
    provider,
    exchange,
    cache: options.markets,
    fetchMarkets: () => exchange.fetchMarkets(),
  });

  async function call<T>(context: WireContext, work: () => Promise<T>): Promise<T> {
    try {
      return await wire.run(context, work);
    } catch (thrown) {
      const error = translateError(provider, thrown, context, clock.nowMs());
      if (error instanceof RefusedError && error.retryAfterMs > (context.heardMs ?? 0))
        await options.gate.observeRefused(error);
      throw error;
    }
  }

  function marketsContext(urgent: boolean, signal: AbortSignal): WireContext {
    return { purpose: 'markets', weight: MARKETS_WEIGHT[provider] ?? 1, urgent, signal };
  }

  async function requestCandles(
    ask: { symbol: string; timeframe: Timeframe; fromMs: number; limit: number },
    context: WireContext,
  ): Promise<Candle[]> {
    await call(marketsContext(context.urgent, context.signal), () => markets.require(ask.symbol));
    if (!(ask.timeframe in exchange.timeframes)) {
      const served = Object.keys(exchange.timeframes).join(', ');
      throw new RequestRefusedError({
        provider,
        what: `it has no ${ask.timeframe} candles; it has ${served}`,
      });
    }
    const rows: unknown = await call(context, () =>
      exchange.fetchOHLCV(ask.symbol, ask.timeframe, ask.fromMs, ask.limit),
    );
    return parseRows(provider, rows);
  }

  const base = options.baseUrl ?? apiUrl(exchange.urls['api'], provider);

  async function readReplay(): Promise<ReplayFacts> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const context: WireContext = { purpose: 'time', weight: 1, urgent: true, signal };
    return call(context, async () => {
      const response = await wire.fetch(new URL('/replay/series', base).href, {});
      return parseReplay(provider, response.status, await response.text());
    });
  }

  const searchFirst = createFirstCandleSearch({
    ask: (ask, signal) =>
      requestCandles(ask, { purpose: 'candles', weight: traits.pageWeight, urgent: true, signal }),
    traits,
    clock,
  });
  const replay = provider === 'replay' ? await readReplay() : undefined;
  return {
    traits,
    // A replay server's port changes from start to start; what it replays does not.
    origin: replay?.identity ?? new URL(base).host,
    async ping(signal) {
      const context: WireContext = { purpose: 'time', weight: 1, urgent: true, signal };
      await call(context, async () => {
        if (exchange.has['fetchTime']) await exchange.fetchTime();
        else await exchange.fetchMarkets();
      });
    },
    fetchCandles: (request) =>
      fetchPages(
        ({ purpose, fromMs, limit }) =>
          requestCandles(
            { symbol: request.symbol, timeframe: request.timeframe, fromMs, limit },
            { purpose, weight: traits.pageWeight, urgent: request.urgent, signal: request.signal },
          ),
        request,
        { traits, isFromFirstCandle: answersFromFirstCandle(provider), clock },
      ),
    async findSymbols(query, signal) {
      const wanted = query.toUpperCase();
      const known = replay
        ? replaySymbols(replay)
        : (await call(marketsContext(true, signal), () => markets.list())).map(symbolOf);
      return known.filter(({ symbol }) => symbol.toUpperCase().includes(wanted));
    },
    async findFirstCandle(symbol, timeframe, signal) {
      const context: WireContext = { purpose: 'candles', weight: traits.pageWeight, urgent: true, signal };
      if (answersFromFirstCandle(provider)) {
        const [first] = await requestCandles({ symbol, timeframe, fromMs: 0, limit: 1 }, context);
        return first?.openMs;
      }
      const market = await call(marketsContext(true, signal), () => markets.require(symbol));
      if (market.created) return alwaysOpen.openAtOrBefore(timeframe, market.created);
      return searchFirst(symbol, timeframe, signal);
    },
    close: async () => {
      await exchange.close();
    },
  };
}

function parseRows(provider: string, rows: unknown): Candle[] {
  const parsed = rowsSchema.safeParse(rows);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue?.path.join('.') ?? '';
    throw new AnswerMalformedError({
      provider,
      what: `the candles are malformed at row ${where}: ${issue?.message ?? 'unreadable'}`,
    });
  }
  // A number that is none becomes NaN, so that the check rejects its row and not the whole answer.
  return parsed.data.map(([openMs, open, high, low, close, volume]) => ({
    openMs,
    open: numberOf(open),
    high: numberOf(high),
    low: numberOf(low),
    close: numberOf(close),
    volume: numberOf(volume),
  }));
}

function numberOf(cell: unknown): number {
  return typeof cell === 'number' ? cell : Number.NaN;
}

function symbolOf({ symbol, created, active }: Market): SymbolInfo {
  return { symbol, assetClass: 'crypto', listedMs: created ?? undefined, active: active ?? true };
}

function isRow(row: unknown): row is Row {
  return Array.isArray(row) && row.length >= 6 && Number.isSafeInteger(row[0]);
}

/** The first URL in ccxt's tree: the host that answers. */
function apiUrl(api: unknown, provider: string): string {
  if (typeof api === 'string') return api.replace('{hostname}', `${provider}.com`);
  const first: unknown =
    typeof api === 'object' && api !== null
      ? (Reflect.get(api, 'public') ?? Object.values(api)[0])
      : undefined;
  return first === undefined ? `https://${provider}` : apiUrl(first, provider);
}
