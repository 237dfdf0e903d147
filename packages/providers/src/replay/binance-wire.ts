import { alwaysOpen, type Candle, type Timeframe } from '@candlefleet/core';

/** Binance's own, a minute. */
export const BINANCE_WEIGHT_LIMIT = 6_000;

export interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Record<string, string>;
  readonly candles?: number;
}

/** What Binance answers to who asks too much. */
export function refused(untilMs: number, isBan: boolean, nowMs: number): Reply {
  const msg = isBan
    ? `Way too much request weight used; IP banned until ${untilMs}. Please use WebSocket Streams for live updates to avoid bans.`
    : 'Too much request weight used; please use WebSocket Streams for live updates to avoid polling the API.';
  return {
    status: isBan ? 418 : 429,
    body: { code: -1003, msg },
    headers: { 'retry-after': String(Math.ceil((untilMs - nowMs) / 1_000)) },
  };
}

/** A kline's twelve fields; prices and volumes as decimal text, as Binance sends them. */
export function toWire(candle: Candle, timeframe: Timeframe): unknown[] {
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

export function exchangeInfo(symbols: readonly string[], nowMs: number) {
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
