import { alwaysOpen, openAtOrAfter, TIMEFRAMES, type Candle } from '@candlefleet/core';
import { createDayCache, type DayCache } from './day-cache.js';
import { hashUnit, stringSeed } from './hash.js';
import { createNoise, MINUTE_SIGMA } from './noise.js';
import type { ReplayMarket } from './replay-market.js';

export interface SimulationOptions {
  readonly seed: number;
  readonly symbols: readonly string[];
}

/** Three symbols that everybody knows, in prices that nobody takes for today's. */
export const SIMULATED_SYMBOLS = ['BTC/USDT', 'ETH/USDT', 'SOL/USDT'] as const;

/** So many symbols by name, the same each time: those three, then SIM4/USDT, SIM5/USDT … */
export function simulatedSymbols(count: number): string[] {
  return Array.from({ length: count }, (_, at) => SIMULATED_SYMBOLS[at] ?? `SIM${at + 1}/USDT`);
}

/** A Monday, so that every timeframe starts whole. */
export const SIMULATED_LISTING_MS = Date.UTC(2017, 0, 2);

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1_440;
/** Whole days remembered, of all symbols together: some 20 MB. */
const DAYS_KEPT = 100_000;
/** Volume in whole units of 1e-5, so that coarser candles' sums are exact. */
const VOLUME_UNITS = 100_000;

/**
 * A market that is a pure function of seed, symbol and minute: log price is a sum of value noise over octaves
 * (a fractal walk, after B. Mandelbrot's midpoint constructions), volatility clusters in slow regimes, nights are quiet,
 * volume goes with volatility and movement. A coarser candle is the exact sum of its minutes.
 */
export function createSimulatedMarket(options: SimulationOptions): ReplayMarket {
  const days = createDayCache<Bar>(DAYS_KEPT);
  const symbols = new Set(options.symbols);
  const instruments = new Map<string, Instrument>();
  // Made when first asked for: ten thousand symbols are no matter then.
  const instrumentOf = (symbol: string): Instrument | undefined => {
    if (!symbols.has(symbol)) return undefined;
    const instrument = instruments.get(symbol) ?? createInstrument(options.seed, symbol, days);
    instruments.set(symbol, instrument);
    return instrument;
  };
  return {
    identity: `simulated-market-${options.seed}`,
    series: options.symbols.flatMap((symbol) =>
      TIMEFRAMES.map((timeframe) => ({ symbol, timeframe, fromMs: SIMULATED_LISTING_MS })),
    ),
    candles({ symbol, timeframe, fromMs, toMs, limit, nowMs }) {
      const instrument = instrumentOf(symbol);
      const candles: Candle[] = [];
      if (!instrument) return candles;
      let openMs = openAtOrAfter(alwaysOpen, timeframe, Math.max(fromMs, SIMULATED_LISTING_MS));
      while (candles.length < limit && openMs < toMs) {
        const closeMs = alwaysOpen.closeOf(timeframe, openMs);
        if (closeMs > nowMs) break;
        candles.push(instrument.candle(openMs, closeMs));
        openMs = closeMs;
      }
      return candles;
    },
    forming(symbol, timeframe, nowMs) {
      const openMs = alwaysOpen.openAtOrBefore(timeframe, nowMs);
      const seenMs = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS;
      return instrumentOf(symbol)?.candle(openMs, Math.max(openMs + MINUTE_MS, seenMs));
    },
  };
}

interface Instrument {
  /** The candle over the whole minutes of `[openMs, closeMs)`. */
  candle(openMs: number, closeMs: number): Candle;
}

/** A stretch of minutes, in ticks and volume units: whole numbers, so that stretches join exactly. */
interface Bar {
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
}

function createInstrument(seed: number, symbol: string, days: DayCache<Bar>): Instrument {
  const minutes = createMinutes(seed, symbol);
  const day = (first: number) =>
    days.get(symbol, first / DAY_MINUTES, () => minutes.bar(first, first + DAY_MINUTES));
  return {
    candle(openMs, closeMs) {
      const end = closeMs / MINUTE_MS;
      let at = openMs / MINUTE_MS;
      let bar: Bar | undefined;
      while (at < end || !bar) {
        const nextDay = (Math.floor(at / DAY_MINUTES) + 1) * DAY_MINUTES;
        const isWholeDay = at % DAY_MINUTES === 0 && nextDay <= end;
        const part = isWholeDay ? day(at) : minutes.bar(at, Math.min(nextDay, end));
        bar = bar ? joined(bar, part) : part;
        at = nextDay;
      }
      const price = (tick: number) => tick / minutes.ticks;
      return {
        openMs,
        open: price(bar.open),
        high: price(bar.high),
        low: price(bar.low),
        close: price(bar.close),
        volume: bar.volume / VOLUME_UNITS,
      };
    },
  };
}

function joined(first: Bar, second: Bar): Bar {
  return {
    open: first.open,
    high: Math.max(first.high, second.high),
    low: Math.min(first.low, second.low),
    close: second.close,
    volume: first.volume + second.volume,
  };
}

function createMinutes(seed: number, symbol: string) {
  const noise = createNoise(stringSeed(symbol, seed));
  const startPrice = START_PRICES[symbol] ?? Math.exp(6 * hashUnit(stringSeed(symbol, 7), 0));
  // Five to six digits of every price, as venues do.
  const ticks = 10 ** Math.max(0, 5 - Math.ceil(Math.log10(startPrice)));
  const baseVolume = 50_000 / startPrice;
  const tickAt = (minute: number) =>
    Math.max(1, Math.round(startPrice * Math.exp(noise.logPrice(minute)) * ticks));
  return {
    ticks,
    bar(first: number, end: number): Bar {
      const open = tickAt(first);
      let close = open;
      let high = open;
      let low = open;
      let volume = 0;
      for (let minute = first; minute < end; minute += 1) {
        const before = close;
        close = tickAt(minute + 1);
        const calm = noise.volatility(minute);
        const wick = MINUTE_SIGMA * calm * before;
        high = Math.max(high, Math.max(before, close) + Math.round(wick * noise.unit(minute, 1)));
        low = Math.min(low, Math.max(1, Math.min(before, close) - Math.round(wick * noise.unit(minute, 2))));
        const movement = Math.abs(close - before) / (MINUTE_SIGMA * before);
        const traded = baseVolume * calm * (0.2 + noise.unit(minute, 3)) * (1 + movement);
        volume += Math.max(1, Math.round(traded * VOLUME_UNITS));
      }
      return { open, high, low, close, volume };
    },
  };
}

const START_PRICES: Record<string, number> = { 'BTC/USDT': 30_000, 'ETH/USDT': 2_000, 'SOL/USDT': 100 };
