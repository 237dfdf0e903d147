import type { Exchange } from 'ccxt';
import { ProviderUnknownError } from '../errors.js';
import type { Wire } from './wire.js';

export interface Credentials {
  readonly apiKey: string;
  readonly secret: string;
  readonly password?: string | undefined;
}

/** Makes a ccxt exchange that sends through our wire alone. ccxt is loaded here, when a series first needs it. */
export async function openExchange(options: {
  /** ccxt's id. */
  exchangeId: string;
  wire: Wire;
  baseUrl?: string | undefined;
  credentials?: Credentials | undefined;
}): Promise<Exchange> {
  const { exchangeId, wire, baseUrl, credentials } = options;
  const ccxt = await import('ccxt');
  const ExchangeClass = ccxt.default.exchanges.includes(exchangeId)
    ? classOf(ccxt.default, exchangeId)
    : undefined;
  if (!ExchangeClass) {
    throw new ProviderUnknownError(
      `There is no provider "${exchangeId}". It is "replay" or one of ccxt's ${ccxt.default.exchanges.length} exchanges, such as binance, kraken, coinbase.`,
    );
  }
  const exchange = new ExchangeClass({
    // The fleet's budget decides when a request may go.
    enableRateLimit: false,
    ...credentials,
    options: { fetchMarkets: { types: ['spot'] }, defaultType: 'spot', fetchCurrencies: false },
  });
  exchange.fetchImplementation = (url: string, init: RequestInit) => wire.fetch(url, init);
  const parseJson = exchange.parseJson.bind(exchange);
  exchange.parseJson = (text: string) => wire.parsed(text) ?? parseJson(text);
  exchange.has['fetchCurrencies'] = false;
  if (baseUrl) Reflect.set(exchange.urls, 'api', withHost(exchange.urls['api'], baseUrl));
  if (!exchange.has['fetchOHLCV'])
    throw new ProviderUnknownError(`"${exchangeId}" serves no candles: ccxt has no fetchOHLCV for it.`);
  return exchange;
}

function classOf(ccxt: object, exchangeId: string): (new (config: object) => Exchange) | undefined {
  const found: unknown = Reflect.get(ccxt, exchangeId);
  // ccxt's own table says that this name is an exchange's class.
  return typeof found === 'function' ? (found as new (config: object) => Exchange) : undefined;
}

/** Every URL of a ccxt `urls.api` tree with another protocol, host and port; its path stays. */
function withHost(api: unknown, baseUrl: string): unknown {
  if (typeof api === 'string') return api.replace(/^https?:\/\/[^/]+/, baseUrl.replace(/\/$/, ''));
  if (typeof api !== 'object' || api === null) return api;
  return Object.fromEntries(Object.entries(api).map(([key, value]) => [key, withHost(value, baseUrl)]));
}
