import { TIMEFRAMES, type ProviderTraits } from '@candlefleet/core';

type KnownTraits = Partial<Omit<ProviderTraits, 'provider'>>;

const MINUTE_MS = 60_000;

const BINANCE: KnownTraits = {
  // developers.binance.com, spot "Kline/Candlestick data": limit 1000, weight 2; REQUEST_WEIGHT 6000 a minute.
  pageLimit: 1_000,
  pageWeight: 2,
  budget: { limit: 6_000, windowMs: MINUTE_MS },
  settleDelayMs: 2_000,
};

/** What is known of a provider without asking it; each number as its documentation says. */
const KNOWN: Record<string, KnownTraits> = {
  binance: BINANCE,
  binanceus: { ...BINANCE, budget: { limit: 1_200, windowMs: MINUTE_MS } },
  replay: { ...BINANCE, settleDelayMs: 1_000 },
  // docs.kraken.com "Get OHLC Data": the newest 720 entries, whatever is asked; about one public request a second.
  kraken: { pageLimit: 720, reachCandles: 720, budget: { limit: 60, windowMs: MINUTE_MS, burst: 3 } },
  // docs.cdp.coinbase.com "Get public product candles": 350 buckets at most (ccxt asks for 300); 10 requests a second.
  coinbase: { pageLimit: 300, budget: { limit: 480, windowMs: MINUTE_MS } },
  // bybit-exchange.github.io v5 "Get Kline": limit 1000; 600 requests in 5 s per address.
  bybit: { pageLimit: 1_000, budget: { limit: 3_000, windowMs: MINUTE_MS } },
  // okx.com/docs-v5 "Get candlesticks history": limit 300 in ccxt's use; 20 requests in 2 s.
  okx: { pageLimit: 300, budget: { limit: 480, windowMs: MINUTE_MS } },
  // docs.bitfinex.com "Candles": limit 10000; 30 requests a minute; a minute without trades has no candle.
  bitfinex: {
    pageLimit: 10_000,
    omitsEmptyCandles: true,
    budget: { limit: 30, windowMs: MINUTE_MS, burst: 2 },
  },
};

/** Cautious where nothing is known. */
const DEFAULTS: Omit<ProviderTraits, 'provider'> = {
  assetClasses: ['crypto'],
  timeframes: TIMEFRAMES,
  pageLimit: 100,
  omitsEmptyCandles: false,
  revisionWindow: 3,
  settleDelayMs: 5_000,
  budget: { limit: 60, windowMs: MINUTE_MS, burst: 3 },
  pageWeight: 1,
};

/** Limits in place of the table's, by provider: for tests, and for those with another agreement. */
export type BudgetLimits = Readonly<Record<string, number>>;

/** What a provider can serve and allows. Needs no network and no ccxt. */
export function providerTraits(provider: string, limits: BudgetLimits = {}): ProviderTraits {
  const traits = { ...DEFAULTS, ...KNOWN[provider], provider };
  const limit = limits[provider];
  return limit === undefined ? traits : { ...traits, budget: { ...traits.budget, limit } };
}

/** Exchanges whose answers jump over an empty stretch to the first candle at or after the asked time. */
const FIRST_AT_OR_AFTER = new Set(['binance', 'binanceus', 'replay', 'bitfinex']);

export function answersFromFirstCandle(provider: string): boolean {
  return FIRST_AT_OR_AFTER.has(provider);
}
