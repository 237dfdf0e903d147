import { alwaysOpen, openAtOrAfter, TIMEFRAMES, type Candle } from '@candlefleet/core';
import { hashUnit, stringSeed } from './hash.js';
import type { ReplayMarket } from './replay-market.js';

export interface SimulationOptions {
  readonly seed: number;
  readonly symbols: readonly string[];
}

/** Three symbols that everybody knows, in prices that nobody takes for today's. */
export const SIMULATED_SYMBOLS = ['BTC/USDT', 'ETH/USDT', 'SOL/USDT'] as const;

/** A Monday, so that every timeframe starts whole. */
export const SIMULATED_LISTING_MS = Date.UTC(2017, 0, 2);

const MINUTE_MS = 60_000;
/** Octaves of value noise: from one minute to 2^20 minutes, two years. */
const OCTAVES = 21;
/** Octaves up to four hours breathe with the volatility regime; slower ones are the trend. */
const BREATHING_OCTAVES = 8;
/** Standard deviation of a one-minute log return in a middling regime; doubling every second octave. */
const MINUTE_SIGMA = 0.0006;
const REGIME_OCTAVES = [9, 11, 13] as const;
/** Volume in whole units of 1e-5, so that coarser candles' sums are exact. */
const VOLUME_UNITS = 100_000;

/**
 * A market that is a pure function of seed, symbol and minute: log price is a sum of value noise over octaves
 * (a fractal walk, after B. Mandelbrot's midpoint constructions), volatility clusters in slow regimes, nights are quiet,
 * volume goes with volatility and movement. A coarser candle is the exact sum of its minutes.
 */
export function createSimulatedMarket(options: SimulationOptions): ReplayMarket {
  const instruments = new Map(
    options.symbols.map((symbol) => [symbol, createInstrument(options.seed, symbol)]),
  );
  return {
    identity: `simulated-market-${options.seed}`,
    series: options.symbols.flatMap((symbol) =>
      TIMEFRAMES.map((timeframe) => ({ symbol, timeframe, fromMs: SIMULATED_LISTING_MS })),
    ),
    candles({ symbol, timeframe, fromMs, toMs, limit, nowMs }) {
      const instrument = instruments.get(symbol);
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
      return instruments.get(symbol)?.candle(openMs, Math.max(openMs + MINUTE_MS, seenMs));
    },
  };
}

interface Instrument {
  /** The candle over the whole minutes of `[openMs, closeMs)`. */
  candle(openMs: number, closeMs: number): Candle;
}

function createInstrument(seed: number, symbol: string): Instrument {
  const noise = createNoise(stringSeed(symbol, seed));
  const startPrice = START_PRICES[symbol] ?? Math.exp(6 * hashUnit(stringSeed(symbol, 7), 0));
  // Five to six digits of every price, as venues do.
  const ticks = 10 ** Math.max(0, 5 - Math.ceil(Math.log10(startPrice)));
  const baseVolume = 50_000 / startPrice;

  const tickAt = (minute: number) =>
    Math.max(1, Math.round(startPrice * Math.exp(noise.logPrice(minute)) * ticks));
  return {
    candle(openMs, closeMs) {
      const first = openMs / MINUTE_MS;
      const end = closeMs / MINUTE_MS;
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
      const price = (tick: number) => tick / ticks;
      return {
        openMs,
        open: price(open),
        high: price(high),
        low: price(low),
        close: price(close),
        volume: volume / VOLUME_UNITS,
      };
    },
  };
}

const START_PRICES: Record<string, number> = { 'BTC/USDT': 30_000, 'ETH/USDT': 2_000, 'SOL/USDT': 100 };

function createNoise(seed: number) {
  const octaves = Array.from({ length: OCTAVES }, (_, level) => createOctave(seed + level * 0x9e37, level));
  const regimes = REGIME_OCTAVES.map((level) => createOctave(seed ^ (0x5bd1 + level * 0x1f1f), level));
  const amplitudes = octaves.map((_, level) => MINUTE_SIGMA * 2 ** (level / 2));

  function volatility(minute: number): number {
    let regime = 0;
    for (const octave of regimes) regime += octave(minute);
    const hour = (minute / 60) % 24;
    const quiet = 0.65 + 0.35 * Math.sin(((hour - 9) / 24) * 2 * Math.PI);
    return quiet * Math.exp(0.9 * regime);
  }

  return {
    volatility,
    unit: (minute: number, salt: number) => hashUnit(seed + salt * 0x7f4a, minute),
    logPrice(minute: number): number {
      let fast = 0;
      let slow = 0;
      for (let level = 0; level < OCTAVES; level += 1) {
        const value = (octaves[level]?.(minute) ?? 0) * (amplitudes[level] ?? 0);
        if (level < BREATHING_OCTAVES) fast += value;
        else slow += value;
      }
      return fast * volatility(minute) + slow;
    },
  };
}

/** Value noise of period 2^level minutes: hashed lattice values in [-1, 1], linear between. Remembers its last cell. */
function createOctave(seed: number, level: number): (minute: number) => number {
  const period = 2 ** level;
  let cell = Number.NaN;
  let left = 0;
  let right = 0;
  return (minute) => {
    const at = Math.floor(minute / period);
    if (at !== cell) {
      left = at === cell + 1 ? right : 2 * hashUnit(seed, at) - 1;
      right = 2 * hashUnit(seed, at + 1) - 1;
      cell = at;
    }
    return left + (right - left) * ((minute - at * period) / period);
  };
}
