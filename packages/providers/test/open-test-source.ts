import {
  alwaysOpen,
  type CandlePage,
  type CandleSource,
  type MarketCache,
  type RequestPurpose,
  type Timeframe,
} from '@candlefleet/core';
import type { SourceOptions } from '../src/ccxt/open-ccxt-source.js';
import { openSource } from '../src/open-source.js';

/** A market list in memory. */
export function memoryCache(lists: Record<string, unknown> = {}): MarketCache {
  return {
    read: async (provider) => (lists[provider] ? { markets: lists[provider], ageMs: 0 } : undefined),
    write: async (provider, markets) => {
      lists[provider] = markets;
    },
  };
}

/** A provider behind a gate that lets everything pass and remembers it. */
export async function openTestSource(
  provider: string,
  baseUrl: string,
  options: Partial<SourceOptions> = {},
) {
  const passed: { purpose: RequestPurpose; weight: number; urgent: boolean }[] = [];
  const used: number[] = [];
  const refused: { retryAfterMs: number; isBan: boolean }[] = [];
  const source = await openSource(provider, {
    gate: {
      async pass({ purpose, weight, urgent }) {
        passed.push({ purpose, weight, urgent });
      },
      observeUsed: ({ weight }) => used.push(weight),
      observeRefused: async ({ retryAfterMs, isBan }) => {
        refused.push({ retryAfterMs, isBan });
      },
    },
    markets: memoryCache(),
    baseUrl,
    ...options,
  });
  return { source, passed, used, refused };
}

export interface Asked {
  readonly symbol: string;
  readonly timeframe: Timeframe;
  readonly fromMs: number;
  readonly toMs: number;
  readonly urgent?: boolean;
  readonly signal?: AbortSignal;
}

export async function fetchAll(source: CandleSource, asked: Asked): Promise<CandlePage[]> {
  const pages: CandlePage[] = [];
  const { urgent = false, signal = new AbortController().signal } = asked;
  for await (const page of source.fetchCandles({ ...asked, calendar: alwaysOpen, urgent, signal }))
    pages.push(page);
  return pages;
}
