import { setTimeout as sleep } from 'node:timers/promises';
import {
  alwaysOpen,
  lastClosedOpen,
  type CandlePage,
  type CandleSource,
  type Timeframe,
} from '@candlefleet/core';
import { readSeriesFacts, trackSymbol, type SeriesFacts } from '@candlefleet/db';
import {
  createSimulatedMarket,
  providerTraits,
  SIMULATED_LISTING_MS,
  type ReplayMarket,
} from '@candlefleet/providers';
import { waitUntil } from '@candlefleet/testing';
import type { Measured, Report } from '../measure/report.js';
import { spreadOf } from '../measure/spread.js';
import { openFleet, type Fleet } from '../setting/fleet.js';
import type { Setting } from '../setting/setting.js';
import { PROVIDER } from '../setting/warehouse.js';

const PAGE = providerTraits(PROVIDER).pageLimit;
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const SYMBOLS = ['BTC/USDT', 'ETH/USDT', 'SOL/USDT'];
/** Trades only now and then: every so many candles, a few are not there. */
const HOLEY = 'XRP/USDT';
const HOLE_EVERY = 2_500;
const HOLE_CANDLES = 5;
const STEADY_MS = 120_000;
/** A one-minute candle's tail has come by then: settle delay, spread of 20 s, and some. */
const FRESH_MS = 30_000;
const AT_MOST = { atMost: 1.05 };

/** Requests that a fleet sends, against the fewest that could bring the same candles. It counts, it does not time. */
export async function benchRequests(setting: Setting): Promise<Report[]> {
  const counts = { requests: 0, confirmations: 0, holeyPages: 0 };
  const fleet = await openFleet({
    redisUrl: setting.redisUrl,
    market: withHoles(createSimulatedMarket({ seed: 1, symbols: [...SYMBOLS, HOLEY] })),
    wrapSource: (source) => countRequests(source, counts),
  });
  try {
    setting.tell('first backfill of the default watchlist, and of a series with holes');
    await trackAll(fleet);
    await waitUntil(
      'the first backfill',
      async () => isComplete(await readSeriesFacts(fleet.db), 2 * MINUTE_MS),
      600_000,
    );
    const first = { ...counts, candles: await candlesOfSeries(fleet) };
    await waitUntil('the tails', async () => isComplete(await readSeriesFacts(fleet.db), FRESH_MS), 300_000);
    const began = { requests: counts.requests, candles: sum(await candlesOfSeries(fleet)) };
    setting.tell(`up to date, for ${STEADY_MS / 1_000} s`);
    await sleep(STEADY_MS);
    await waitUntil('the tails', async () => isComplete(await readSeriesFacts(fleet.db), FRESH_MS), 300_000);
    const steady = {
      requests: counts.requests - began.requests,
      candles: sum(await candlesOfSeries(fleet)) - began.candles,
    };
    const seen = fleet.pages();
    if (seen !== counts.requests + counts.confirmations)
      throw new Error(`the server saw ${seen} pages, the fleet counted ${JSON.stringify(counts)}`);
    return [toReport(first, steady, fleet.otherRequests())];
  } finally {
    await fleet.close();
  }
}

function toReport(
  first: Counts & { candles: number[] },
  steady: { requests: number; candles: number },
  others: number,
): Report {
  const fewest = sum(first.candles.map((count) => Math.ceil(count / PAGE)));
  const confirmations = line(
    'confirmations, for each page with holes',
    first.confirmations,
    first.holeyPages,
  );
  return {
    benchmark: 'requests',
    title: 'provider requests against the fewest possible',
    unit: 'requests',
    lines: [
      line('first backfill, up to now', first.requests, fewest),
      line('up to date, for each new candle', steady.requests, steady.candles),
      { ...confirmations, budget: { atMost: 1 } },
    ],
    notes: [
      `${sum(first.candles).toLocaleString('en-US')} candles in ${first.candles.length} series; then ${steady.candles} new ones`,
      `besides: ${others} requests for the market list and the server's identity`,
    ],
  };
}

function line(name: string, used: number, fewest: number): Measured {
  return {
    name,
    amount: spreadOf([used]),
    ratio: spreadOf([used / fewest]),
    rounds: [used / fewest],
    budget: AT_MOST,
  };
}

async function trackAll({ db }: Fleet): Promise<void> {
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
function isComplete(series: readonly SeriesFacts[], lateMs: number): boolean {
  return series.every(({ settled, timeframe, wantedFromMs, unfinished }) => {
    const newest = lastClosedOpen(alwaysOpen, timeframe, lateMs, Date.now());
    const isSettled = settled.some((range) => range.fromMs <= (wantedFromMs ?? 0) && range.toMs > newest);
    return isSettled && unfinished === 0;
  });
}

async function candlesOfSeries({ db }: Fleet): Promise<number[]> {
  const rows = await db.sql<
    { candles: number }[]
  >`select count(*)::int as candles from market_data group by series_id`;
  return rows.map((row) => row.candles);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
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

interface Counts {
  requests: number;
  confirmations: number;
  holeyPages: number;
}

function countRequests(source: CandleSource, counts: Counts): CandleSource {
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
