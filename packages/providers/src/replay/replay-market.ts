import type { Candle, Timeframe } from '@candlefleet/core';

/** One series that a replay server offers. */
export interface ReplaySeries {
  readonly symbol: string;
  readonly timeframe: Timeframe;
  /** Open time of the first candle. */
  readonly fromMs: number;
  /** Close time of the last candle; absent where candles go on with the clock. */
  readonly toMs?: number | undefined;
}

/** What a replay server serves: recordings, or the simulated market. Its candles are the truth that checks call. */
export interface ReplayMarket {
  /** Tells one market from another: a series keeps to the one that its first candle came from. */
  readonly identity: string;
  readonly series: readonly ReplaySeries[];
  /** At most `limit` candles that open in `[fromMs, toMs)` and have closed by `nowMs`, ascending. */
  candles(ask: CandlesAsk): Candle[];
  /** The candle that is still forming at `nowMs`, where there is one. */
  forming(symbol: string, timeframe: Timeframe, nowMs: number): Candle | undefined;
}

export interface CandlesAsk {
  readonly symbol: string;
  readonly timeframe: Timeframe;
  readonly fromMs: number;
  readonly toMs: number;
  readonly limit: number;
  readonly nowMs: number;
}
