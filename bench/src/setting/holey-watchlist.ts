import {
  alwaysOpen,
  lastClosedOpen,
  type CandlePage,
  type CandleSource,
  type Timeframe,
} from '@candlefleet/core';
import { readSeriesFacts, trackSymbol, type Database } from '@candlefleet/db';
import { createSimulatedMarket, SIMULATED_LISTING_MS, type ReplayMarket } from '@candlefleet/providers';
import { PROVIDER } from './warehouse.js';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const SYMBOLS = ['BTC/USDT', 'ETH/USDT', 'SOL/USDT'];
/** Trades only now and then: every so many candles, a few are not there. */
const HOLEY = 'XRP/USDT';
const HOLE_EVERY = 2_500;
const HOLE_CANDLES = 5;

/** The simulated market, with holes in one series. */
export function holeyMarket(): ReplayMarket {
  return withHoles(createSimulatedMarket({ seed: 1, symbols: [...SYMBOLS, HOLEY] }));
}

/** The default live watchlist (1m for 7 days, 1h for a year, 1d since listing), and three weeks of the series with holes. */
export async function trackWatchlist(db: Database): Promise<void> {
  const nowMs = Date.now();
  const track = (symbol: string, timeframe: Timeframe, fromMs: number) =>
    trackSymbol(
      db,
      {
        provider: PROVIDER,
        symbol,
        assetClass: 'crypto',
        calendar: '24x7',
        timeframes: [timeframe],
        historyFromMs: alwaysOpen.openAtOrBefore(timeframe, fromMs),
      },
      'bench',
    );
  for (const symbol of SYMBOLS) {
    await track(symbol, '1m', nowMs - 7 * DAY_MS);
    await track(symbol, '1h', nowMs - 365 * DAY_MS);
    await track(symbol, '1d', SIMULATED_LISTING_MS);
  }
  await track(HOLEY, '1m', nowMs - 21 * DAY_MS);
}

/** Every series is settled up to the last candle that closed so long ago, and nothing is under way. */
export async function isComplete(db: Database, lateMs: number): Promise<boolean> {
  const series = await readSeriesFacts(db);
  return series.every(({ settled, timeframe, wantedFromMs, unfinished }) => {
    const newest = lastClosedOpen(alwaysOpen, timeframe, lateMs, Date.now());
    const isSettled = settled.some((range) => range.fromMs <= (wantedFromMs ?? 0) && range.toMs > newest);
    return isSettled && unfinished === 0;
  });
}

export async function candlesOfSeries(db: Database): Promise<number[]> {
  const rows = await db.sql<
    { candles: number }[]
  >`select count(*)::int as candles from market_data group by series_id`;
  return rows.map((row) => row.candles);
}

function withHoles(market: ReplayMarket): ReplayMarket {
  const isHole = (openMs: number) => (openMs / MINUTE_MS) % HOLE_EVERY < HOLE_CANDLES;
  return {
    ...market,
    candles(ask) {
      if (ask.symbol !== HOLEY) return market.candles(ask);
      const candles = market.candles({ ...ask, limit: ask.limit + 2 * HOLE_CANDLES });
      return candles.filter((candle) => !isHole(candle.openMs)).slice(0, ask.limit);
    },
  };
}

export interface Counts {
  requests: number;
  confirmations: number;
  holeyPages: number;
}

export function countRequests(source: CandleSource, counts: Counts): CandleSource {
  return {
    ...source,
    async *fetchCandles(request): AsyncGenerator<CandlePage> {
      for await (const page of source.fetchCandles(request)) {
        counts.requests += page.requests;
        counts.confirmations += page.confirmations;
        const expected = request.calendar.countExpected(request.timeframe, page.asked);
        if (page.candles.length < expected) counts.holeyPages += 1;
        yield page;
      }
    },
  };
}
