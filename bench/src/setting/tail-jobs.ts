import {
  alwaysOpen,
  lastClosedOpen,
  type Candle,
  type CandleSource,
  type ProviderTraits,
} from '@candlefleet/core';
import { providerTraits } from '@candlefleet/providers';
import { backfillJobOptions, type BackfillJob } from '@candlefleet/queue';
import { PROVIDER, type Warehouse } from './warehouse.js';

/** Daily candles: none closes while a benchmark runs, unless over midnight. */
const TIMEFRAME = '1d';
const DAY_MS = 86_400_000;
const HISTORY_DAYS = 400;
const ORIGIN = 'bench';

/** No revision window: a tail that misses one candle asks for that one alone. */
export const TAIL_TRAITS: ProviderTraits = { ...providerTraits(PROVIDER), revisionWindow: 0 };

export interface TailSeries {
  readonly seriesIds: readonly number[];
  /** When the candle opens that each may lack. */
  readonly newestMs: number;
  /** Makes every series lack as many of its newest candles, and forgets all executions. */
  reset(missing: 0 | 1): Promise<void>;
  /** How many tails ended as they should. */
  countEnded(outcome: 'nothing_missing' | 'stored'): Promise<number>;
}

/** Many series with a year behind them, each a tail's. */
export async function openTailSeries({ db, track, empty }: Warehouse, count: number): Promise<TailSeries> {
  const nowMs = Date.now();
  const newestMs = lastClosedOpen(alwaysOpen, TIMEFRAME, TAIL_TRAITS.settleDelayMs, nowMs);
  const range = { fromMs: newestMs - HISTORY_DAYS * DAY_MS, toMs: newestMs + HISTORY_DAYS * DAY_MS };
  const symbols = Array.from({ length: count }, (_, n) => `T${n}/USDT`);
  const seriesIds = await track({ symbols, timeframe: TIMEFRAME, range });
  // As after their first candle, which tells where a series comes from.
  await db.sql`update series set origin = ${ORIGIN}`;
  return {
    seriesIds,
    newestMs,
    async reset(missing) {
      await empty();
      const toMs = newestMs + (1 - missing) * DAY_MS;
      await db.sql`update series_coverage set covered =
        tstzmultirange(tstzrange(to_timestamp(${range.fromMs / 1_000}::float8), to_timestamp(${toMs / 1_000}::float8)))`;
      await db.sql`vacuum analyze series_coverage`;
    },
    async countEnded(outcome) {
      const [row] = await db.sql<{ ended: number }[]>`
        select count(*)::int as ended from backfill_state_persistent where status = 'completed' and outcome = ${outcome}`;
      return row?.ended ?? 0;
    },
  };
}

/** A tail each for the first series, as the producer's scheduler makes them. */
export function tailJobs(seriesIds: readonly number[], count: number) {
  const slotMs = Math.floor(Date.now() / 1_000) * 1_000;
  return seriesIds.slice(0, count).map((seriesId, n) => {
    const series = {
      seriesId,
      provider: PROVIDER,
      symbol: `T${n}/USDT`,
      timeframe: TIMEFRAME,
      calendar: '24x7',
    } as const;
    const data: BackfillJob = { v: 1, ...series, kind: 'tail', slotMs };
    return { name: 'tail', data, opts: backfillJobOptions('tail') };
  });
}

/** Answers every request from memory at once. */
export function createInstantSource(): CandleSource {
  return {
    traits: TAIL_TRAITS,
    origin: ORIGIN,
    async *fetchCandles({ fromMs, toMs }) {
      const asked = { fromMs, toMs };
      const candles: Candle[] = [];
      for (let openMs = fromMs; openMs < toMs; openMs += DAY_MS)
        candles.push({ openMs, open: 100, high: 101.5, low: 99.25, close: 100.75, volume: 12.5 });
      yield {
        asked,
        candles,
        proven: [asked],
        unconfirmed: [],
        unavailable: [],
        requests: 1,
        confirmations: 0,
      };
    },
    findSymbols: async () => [],
    findFirstCandle: async () => undefined,
    ping: async () => {},
    close: async () => {},
  };
}
