import type { Calendar } from '../calendar/calendar.js';
import type { Candle } from '../candle/candle.js';
import type { Range } from '../range.js';
import type { Timeframe } from '../timeframe.js';

export type AssetClass = 'crypto' | 'equity' | 'fx';

/** What a provider allows, in its own weights. `capacity + rate × window` never exceeds `limit`. */
export interface BudgetPolicy {
  readonly limit: number;
  readonly windowMs: number;
  /** What may be spent at once: no less than the heaviest request. Absent: 4 % of the limit. */
  readonly burst?: number | undefined;
}

/** What a provider can serve. Known without asking it. */
export interface ProviderTraits {
  readonly provider: string;
  readonly assetClasses: readonly AssetClass[];
  readonly timeframes: readonly Timeframe[];
  /** Most candles in one answer. */
  readonly pageLimit: number;
  /** How many of the newest candles it can still serve; absent: all. */
  readonly reachCandles?: number | undefined;
  readonly omitsEmptyCandles: boolean;
  /** How many of the last closed candles each tail reads again. */
  readonly revisionWindow: number;
  readonly settleDelayMs: number;
  readonly budget: BudgetPolicy;
  /** Weight of one page of candles. */
  readonly pageWeight: number;
}

export interface FetchRequest {
  readonly symbol: string;
  readonly timeframe: Timeframe;
  readonly calendar: Calendar;
  /** Half-open, in open times; ends at the close of a closed candle at the latest. */
  readonly fromMs: number;
  readonly toMs: number;
  /** A tail: its requests go before history's. Handed on to the gate. */
  readonly urgent: boolean;
  readonly signal: AbortSignal;
}

/** One answer, and what it proves together with the request that confirmed its holes. */
export interface CandlePage {
  readonly asked: Range;
  /** As sent, inside `asked`; not yet checked. */
  readonly candles: readonly Candle[];
  readonly proven: readonly Range[];
  /** Expected candles that were not there, and that no second answer confirmed. */
  readonly unconfirmed: readonly Range[];
  /** Beyond the provider's reach: never to be had. */
  readonly unavailable: readonly Range[];
  readonly requests: number;
  readonly confirmations: number;
}

export interface SymbolInfo {
  readonly symbol: string;
  readonly assetClass: AssetClass;
  readonly listedMs?: number | undefined;
  readonly active: boolean;
  /** What the provider has of it, where it tells. An end that is absent goes on with the clock. */
  readonly series?:
    readonly { timeframe: Timeframe; fromMs: number; toMs?: number | undefined }[] | undefined;
}

/** A source of candles. One per provider and process. */
export interface CandleSource {
  readonly traits: ProviderTraits;
  /** The host that answers, or what a replay server replays: a series keeps to the one its first candle came from. */
  readonly origin: string;
  /** Pages from `fromMs` on, ascending, until the range is answered. @throws ProviderError subclasses */
  fetchCandles(request: FetchRequest): AsyncIterable<CandlePage>;
  /** Symbols whose name contains `query` (case-insensitive); all for an empty query. */
  findSymbols(query: string, signal: AbortSignal): Promise<SymbolInfo[]>;
  /**
   * Open time of the earliest candle the provider has; undefined where it has none. Costs one request, or about ten
   * where the provider must be searched for it.
   */
  findFirstCandle(symbol: string, timeframe: Timeframe, signal: AbortSignal): Promise<number | undefined>;
  /** Resolves when the provider answers at all. @throws ProviderError subclasses */
  ping(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
