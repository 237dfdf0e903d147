import { timeframeSchema, type SymbolInfo } from '@candlefleet/core';
import { z } from 'zod';
import { AnswerMalformedError } from '../errors.js';

/** What a replay server tells about itself at /replay/series. */
const replaySchema = z.object({
  identity: z.string(),
  series: z.array(
    z.object({
      symbol: z.string(),
      timeframe: timeframeSchema,
      fromMs: z.number(),
      toMs: z.number().optional(),
    }),
  ),
});

export type ReplayFacts = z.infer<typeof replaySchema>;

/** @throws AnswerMalformedError, or an error that its status tells apart */
export function parseReplay(provider: string, status: number, text: string): ReplayFacts {
  const isRefused = status === 429 || status === 418 || status >= 500;
  if (isRefused) throw new Error(`its series were not told: status ${status}`);
  const parsed = replaySchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new AnswerMalformedError({
    provider,
    what: 'what answers at its URL is no replay server. Start one with `candlefleet replay`, and set PROVIDER_BASE_URL_REPLAY to its URL.',
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Its symbols, each with the series that it has. */
export function replaySymbols({ series }: ReplayFacts): SymbolInfo[] {
  const bySymbol = new Map<string, Omit<ReplayFacts['series'][number], 'symbol'>[]>();
  for (const { symbol, ...one } of series) bySymbol.set(symbol, [...(bySymbol.get(symbol) ?? []), one]);
  return [...bySymbol].map(([symbol, series]) => ({ symbol, assetClass: 'crypto', active: true, series }));
}
