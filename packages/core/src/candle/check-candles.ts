import { isAligned, type Calendar } from '../calendar/calendar.js';
import type { Range } from '../range.js';
import type { Timeframe } from '../timeframe.js';
import type { Candle } from './candle.js';

export type RejectionReason =
  | 'not_finite'
  | 'high_below_body'
  | 'low_above_body'
  | 'negative_volume'
  | 'misaligned'
  | 'not_closed'
  | 'contradicted';

export interface RejectedCandle {
  readonly candle: Candle;
  readonly reason: RejectionReason;
}

export interface CheckContext {
  readonly calendar: Calendar;
  readonly timeframe: Timeframe;
  /** What was asked for: a candle outside it proves nothing and is dropped. */
  readonly asked: Range;
  /** The database's clock less the provider's settle delay: only what closed by then is stored. */
  readonly settledMs: number;
}

export interface CheckedCandles {
  /** Ascending, one per open time. */
  readonly good: Candle[];
  readonly rejected: RejectedCandle[];
}

/**
 * Sorts the candles of one answer into those that may be stored and those that may not, with the reason.
 * Two that claim one open time with different values contradict each other: neither is stored.
 */
export function checkCandles(candles: readonly Candle[], context: CheckContext): CheckedCandles {
  const rejected: RejectedCandle[] = [];
  const byOpen = new Map<number, Candle>();
  const contradicted = new Set<number>();
  for (const candle of candles) {
    if (candle.openMs < context.asked.fromMs || candle.openMs >= context.asked.toMs) continue;
    const reason = findFault(candle, context);
    if (reason) {
      rejected.push({ candle, reason });
      continue;
    }
    const twin = byOpen.get(candle.openMs);
    if (twin && !sameCandle(twin, candle)) {
      contradicted.add(candle.openMs);
      rejected.push({ candle, reason: 'contradicted' });
    }
    if (!twin) byOpen.set(candle.openMs, candle);
  }
  for (const openMs of contradicted) {
    rejected.push({ candle: byOpen.get(openMs) as Candle, reason: 'contradicted' });
    byOpen.delete(openMs);
  }
  return { good: [...byOpen.values()].sort((a, b) => a.openMs - b.openMs), rejected };
}

/** Bitwise equality: what "differs" means for a candle (DESIGN §4). */
export function sameCandle(a: Candle, b: Candle): boolean {
  return (
    a.openMs === b.openMs &&
    Object.is(a.open, b.open) &&
    Object.is(a.high, b.high) &&
    Object.is(a.low, b.low) &&
    Object.is(a.close, b.close) &&
    Object.is(a.volume, b.volume)
  );
}

function findFault(candle: Candle, context: CheckContext): RejectionReason | undefined {
  const { open, high, low, close, volume, openMs } = candle;
  if (![open, high, low, close, volume].every(Number.isFinite)) return 'not_finite';
  if (!isAligned(context.calendar, context.timeframe, openMs)) return 'misaligned';
  if (context.calendar.closeOf(context.timeframe, openMs) > context.settledMs) return 'not_closed';
  if (high < Math.max(open, close) || high < low) return 'high_below_body';
  if (low > Math.min(open, close)) return 'low_above_body';
  if (volume < 0) return 'negative_volume';
  return undefined;
}
