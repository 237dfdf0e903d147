import { setTimeout as sleep } from 'node:timers/promises';
import {
  alwaysOpen,
  checkPage,
  FleetError,
  normalizeRanges,
  rangesContain,
  sameCandle,
  subtractRanges,
  unionRanges,
  type Candle,
  type CandlePage,
  type CandleSource,
  type Clock,
  type Range,
  type RejectionReason,
} from '@candlefleet/core';
import { expect } from 'vitest';
import type { Asked } from './open-test-source.js';

export interface Settled {
  /** Ascending. */
  readonly stored: Candle[];
  readonly covered: readonly Range[];
  readonly rejected: Set<RejectionReason>;
  /** In the order in which they were thrown. */
  readonly errors: FleetError[];
}

/**
 * Fetches what is missing, round by round as executions do, until nothing is. After each page: nothing but the truth is
 * stored, and nothing is covered that is not stored.
 */
export async function settleSeries(
  source: CandleSource,
  asked: Asked,
  { truth, clock, mostRounds }: { truth: readonly Candle[]; clock: Clock; mostRounds: number },
): Promise<Settled> {
  const trueAt = new Map(truth.map((candle) => [candle.openMs, candle]));
  const stored = new Map<number, Candle>();
  const rejected = new Set<RejectionReason>();
  const errors: FleetError[] = [];
  let covered: Range[] = [];

  function store(page: CandlePage): void {
    const settledMs = clock.nowMs() - source.traits.settleDelayMs;
    const checked = checkPage(page, { calendar: alwaysOpen, timeframe: asked.timeframe, settledMs });
    for (const { reason } of checked.rejected) rejected.add(reason);
    for (const candle of checked.good) {
      const expected = trueAt.get(candle.openMs);
      expect(expected && sameCandle(expected, candle), `stored ${JSON.stringify(candle)}`).toBe(true);
      stored.set(candle.openMs, candle);
    }
    covered = unionRanges(covered, checked.proven);
    const lost = truth.filter(({ openMs }) => rangesContain(covered, openMs) && !stored.has(openMs));
    expect(lost, 'covered, and not stored').toEqual([]);
  }

  async function fetchRound(missing: readonly Range[]): Promise<void> {
    const { signal = new AbortController().signal } = asked;
    for (const range of missing) {
      const request = { ...asked, ...range, calendar: alwaysOpen, urgent: false, signal };
      for await (const page of source.fetchCandles(request)) store(page);
    }
  }

  for (let round = 0; round < mostRounds; round += 1) {
    const missing = subtractRanges(normalizeRanges([asked]), covered);
    if (missing.length === 0) break;
    try {
      await fetchRound(missing);
    } catch (thrown) {
      if (!(thrown instanceof FleetError)) throw thrown;
      errors.push(thrown);
      await sleep(thrown.retryAfterMs ?? 0);
    }
  }
  const ascending = [...stored.values()].sort((a, b) => a.openMs - b.openMs);
  return { stored: ascending, covered, rejected, errors };
}
