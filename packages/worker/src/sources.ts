import type { CandleSource } from '@candlefleet/core';

/** Candle sources of this process, opened when a series first needs them. */
export interface Sources {
  get(provider: string): Promise<CandleSource>;
  close(): Promise<void>;
}

export function createSources(open: (provider: string) => Promise<CandleSource>): Sources {
  const sources = new Map<string, Promise<CandleSource>>();
  return {
    get(provider) {
      const known = sources.get(provider);
      if (known) return known;
      const opening = open(provider);
      sources.set(provider, opening);
      // A failure is not remembered: the next job tries again.
      opening.catch(() => sources.delete(provider));
      return opening;
    },
    async close() {
      const opened = await Promise.allSettled(sources.values());
      for (const one of opened) if (one.status === 'fulfilled') await one.value.close();
    },
  };
}
