import { BadInputError, type CandleSource } from '@candlefleet/core';
import { openCcxtSource, type SourceOptions } from './ccxt/open-ccxt-source.js';

/** Opens a provider. @throws ProviderUnknownError, BadInputError */
export async function openSource(provider: string, options: SourceOptions): Promise<CandleSource> {
  if (provider === 'replay' && !options.baseUrl) {
    throw new BadInputError(
      'The replay provider needs a replay server: start one with `candlefleet replay` and set PROVIDER_BASE_URL_REPLAY to its URL.',
    );
  }
  return openCcxtSource(provider, options);
}
