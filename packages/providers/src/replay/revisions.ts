import { alwaysOpen, type Candle, type Timeframe } from '@candlefleet/core';

/** A candle that was served with other values than the truth at its first reading. */
export interface Revision {
  readonly symbol: string;
  readonly timeframe: Timeframe;
  readonly openMs: number;
  /** A later answer has given the truth. */
  readonly wasReadAgain: boolean;
}

export interface Revisions {
  /**
   * The candles as this reading shows them. With `isRevising`, one that is read for the first time, within a candle's
   * length after its close, is not yet what it will be: the next tails read it again (the revision window).
   */
  read(candles: Candle[], reading: Reading): Candle[];
  list(): Revision[];
}

export interface Reading {
  readonly symbol: string;
  readonly timeframe: Timeframe;
  readonly nowMs: number;
  readonly isRevising: boolean;
}

const KEPT = 100_000;

export function createRevisions(): Revisions {
  /** Newest open time that was read, by series. */
  const readTo = new Map<string, number>();
  const revised = new Map<string, Revision>();
  return {
    read(candles, { symbol, timeframe, nowMs, isRevising }) {
      const series = `${symbol} ${timeframe}`;
      const before = readTo.get(series) ?? Number.NEGATIVE_INFINITY;
      const last = candles.at(-1)?.openMs ?? before;
      readTo.set(series, Math.max(before, last));
      return candles.map((candle) => {
        const key = `${series} ${candle.openMs}`;
        const known = revised.get(key);
        if (known) revised.set(key, { ...known, wasReadAgain: true });
        const ageMs = nowMs - alwaysOpen.closeOf(timeframe, candle.openMs);
        const isYoung = ageMs >= 0 && ageMs < alwaysOpen.closeOf(timeframe, candle.openMs) - candle.openMs;
        if (!isRevising || !isYoung || candle.openMs <= before) return candle;
        if (revised.size < KEPT)
          revised.set(key, { symbol, timeframe, openMs: candle.openMs, wasReadAgain: false });
        return provisional(candle);
      });
    },
    list: () => [...revised.values()],
  };
}

/** Sound, and another one: as if half of the trades had not been counted yet. */
function provisional(candle: Candle): Candle {
  return { ...candle, close: candle.open, volume: candle.volume / 2 };
}
