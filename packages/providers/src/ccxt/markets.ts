import type { MarketCache } from '@candlefleet/core';
import type { Exchange } from 'ccxt';
import { z } from 'zod';
import { SymbolUnknownError } from '../errors.js';

/** What of a market is kept: enough for ccxt to ask for its candles. */
const marketSchema = z.object({
  id: z.string(),
  symbol: z.string(),
  base: z.string().nullish(),
  quote: z.string().nullish(),
  baseId: z.string().nullish(),
  quoteId: z.string().nullish(),
  type: z.string().nullish(),
  spot: z.boolean().nullish(),
  active: z.boolean().nullish(),
  created: z.number().nullish(),
});
const marketsSchema = z.array(marketSchema);

export type Market = z.infer<typeof marketSchema>;

const FRESH_MS = 24 * 60 * 60_000;
/** An unknown symbol may be a new one: the list is read again, but not for every mistake. */
const RECHECK_MS = 5 * 60_000;

export interface Markets {
  /** @throws SymbolUnknownError */
  require(symbol: string): Promise<Market>;
  list(): Promise<Market[]>;
}

/** The exchange's market list: from the fleet's cache while it is fresh, else from the exchange. */
export function createMarkets(options: {
  provider: string;
  exchange: Exchange;
  cache: MarketCache;
  /** Asks the exchange, under the caller's wire context. */
  fetchMarkets: () => Promise<unknown>;
}): Markets {
  const { provider, exchange, cache } = options;
  let loaded: { markets: Market[]; atMs: number } | undefined;
  let loading: Promise<Market[]> | undefined;

  async function load(maxAgeMs: number): Promise<Market[]> {
    if (loaded && performance.now() - loaded.atMs < maxAgeMs) return loaded.markets;
    // Whoever asks is stopped by its own signal; the others then ask again.
    while (loading) {
      const markets = await loading.catch(() => undefined);
      if (markets) return markets;
    }
    loading = read(maxAgeMs).finally(() => {
      loading = undefined;
    });
    return loading;
  }

  async function read(maxAgeMs: number): Promise<Market[]> {
    const cached = await cache.read(provider);
    const known = cached && cached.ageMs < maxAgeMs ? marketsSchema.safeParse(cached.markets) : undefined;
    if (known?.success) return use(known.data, cached?.ageMs ?? 0);
    const fetched = marketsSchema.parse(await options.fetchMarkets());
    const spot = fetched.filter((market) => market.spot ?? true);
    await cache.write(provider, spot);
    return use(spot, 0);
  }

  function use(markets: Market[], ageMs: number): Market[] {
    exchange.setMarkets(markets);
    loaded = { markets, atMs: performance.now() - ageMs };
    return markets;
  }

  const find = (markets: readonly Market[], symbol: string) =>
    markets.find((market) => market.symbol === symbol);
  return {
    list: () => load(FRESH_MS),
    async require(symbol) {
      if (loaded && performance.now() - loaded.atMs < FRESH_MS) {
        const known = find(loaded.markets, symbol);
        if (known) return known;
      }
      const market = find(await load(FRESH_MS), symbol) ?? find(await load(RECHECK_MS), symbol);
      if (market) return market;
      throw new SymbolUnknownError({ provider, what: `there is no symbol "${symbol}"` });
    },
  };
}
