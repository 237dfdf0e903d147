import {
  alwaysOpen,
  asFleetError,
  checkPage,
  normalizeRanges,
  rangesContain,
  sameCandle,
  subtractRanges,
  unionRanges,
  type Candle,
  type CandleSource,
  type Range,
  type RejectionReason,
} from '@candlefleet/core';
import { expect } from 'vitest';
import type { Asked } from './open-test-source.js';

export interface Settled {
  readonly stored: Candle[];
  readonly covered: Range[];
  /** Errors in the order in which they were thrown. */
  readonly errors: { readonly code: string; readonly retryable: boolean }[];
  readonly rejected: Set<RejectionReason>;
  readonly wasUnconfirmed: boolean;
}

/**
 * Fetches what is missing, again and again, as executions do: nothing but the truth is ever stored, and nothing covered
 * that is not stored. Waits are left out.
 */
export async function settleSeries(
  source: CandleSource,
  asked: Asked,
  truth: readonly Candle[],
  most = 40,
): Promise<Settled> {
  const byOpen = new Map(truth.map((candle) => [candle.openMs, candle]));
  const stored = new Map<number, Candle>();
  const errors: Settled['errors'] = [];
  const rejected = new Set<RejectionReason>();
  let covered: Range[] = [];
  let wasUnconfirmed = false;

  async function fetchRange(range: Range): Promise<void> {
    const { symbol, timeframe, signal = new AbortController().signal } = asked;
    const request = { symbol, timeframe, calendar: alwaysOpen, ...range, urgent: false, signal };
    for await (const page of source.fetchCandles(request)) {
      const checked = checkPage(page, {
        calendar: alwaysOpen,
        timeframe,
        settledMs: alwaysOpen.openAtOrBefore(timeframe, Date.now()),
      });
      for (const one of checked.rejected) rejected.add(one.reason);
      if (checked.unconfirmed.length > 0) wasUnconfirmed = true;
      for (const candle of checked.good) {
        const true_ = byOpen.get(candle.openMs);
        expect(true_ && sameCandle(true_, candle), `stored ${JSON.stringify(candle)}`).toBe(true);
        stored.set(candle.openMs, candle);
      }
      covered = unionRanges(covered, normalizeRanges(checked.proven));
      for (const { openMs } of truth)
        expect(!rangesContain(covered, openMs) || stored.has(openMs), `covered ${openMs}`).toBe(true);
    }
  }

  for (let n = 0; n < most; n += 1) {
    const [missing] = subtractRanges([{ fromMs: asked.fromMs, toMs: asked.toMs }], covered);
    if (!missing) break;
    await fetchRange(missing).catch((thrown: unknown) => {
      if (thrown instanceof Error && thrown.name === 'AssertionError') throw thrown;
      const { code, retryable } = asFleetError(thrown);
      errors.push({ code, retryable });
    });
  }
  const candles = [...stored.values()].sort((a, b) => a.openMs - b.openMs);
  return { stored: candles, covered, errors, rejected, wasUnconfirmed };
}
