import { alwaysOpen, newExecutionId, tailExecutionId, type ProviderTraits } from '@candlefleet/core';
import type { BackfillJob } from '@candlefleet/queue';
import { describe, expect, test } from 'vitest';
import { claimOf, endingOfRefusedClaim } from './claim.js';

const MINUTE = 60_000;
const NOW = Date.UTC(2024, 0, 1, 12, 0, 30);

const traits: ProviderTraits = {
  provider: 'p',
  assetClasses: ['crypto'],
  timeframes: ['1m'],
  pageLimit: 1_000,
  omitsEmptyCandles: false,
  revisionWindow: 3,
  settleDelayMs: 2_000,
  budget: { limit: 1, windowMs: 1 },
  pageWeight: 1,
};

const REST_MS = 10_000;

describe('the ending of a job whose claim did not get its execution', () => {
  test.each(['held', 'not_yet', 'no_lease'] as const)('%s: back after a rest at the earliest', (outcome) => {
    expect(endingOfRefusedClaim({ outcome, waitMs: 0 }, REST_MS)).toEqual({ do: 'delay', delayMs: REST_MS });
    expect(endingOfRefusedClaim({ outcome, waitMs: 9_999 }, REST_MS)).toEqual({
      do: 'delay',
      delayMs: REST_MS,
    });
    expect(endingOfRefusedClaim({ outcome, waitMs: 60_000 }, REST_MS)).toEqual({
      do: 'delay',
      delayMs: 60_000,
    });
  });

  test.each(['nothing_missing', 'completed', 'cancelled', 'gone'] as const)('%s: it completes', (outcome) => {
    expect(endingOfRefusedClaim({ outcome }, REST_MS)).toEqual({ do: 'complete', note: outcome });
  });

  test('failed: it fails, and says that a person may retry', () => {
    expect(endingOfRefusedClaim({ outcome: 'failed' }, REST_MS)).toMatchObject({
      do: 'fail',
      code: 'execution_failed',
      message: expect.stringContaining('retry'),
    });
  });
});

describe('the claim of a job', () => {
  const data: BackfillJob = {
    v: 1,
    seriesId: 7,
    provider: 'p',
    symbol: 'A/B',
    timeframe: '1m',
    calendar: '24x7',
    kind: 'tail',
  };

  test("of a scheduler's tail: the slot is the job's, the candles are those closed and settled by the database's clock", () => {
    const slotMs = NOW - 3 * MINUTE;
    const claim = claimOf({ id: `repeat:tail-7:${slotMs}`, data }, traits, NOW);
    const closeMs = Date.UTC(2024, 0, 1, 12, 0);
    expect(claim).toEqual({
      executionId: tailExecutionId(7, slotMs),
      tail: {
        seriesId: 7,
        slotMs,
        range: { fromMs: closeMs - 1_000 * MINUTE, toMs: closeMs },
        rereadFromMs: closeMs - 4 * MINUTE,
      },
    });
    expect(alwaysOpen.countExpected('1m', { fromMs: claim.tail?.rereadFromMs ?? 0, toMs: closeMs })).toBe(4);
  });

  test('of a candle that closed, but has not settled: it is left to the next tail', () => {
    const justClosed = Date.UTC(2024, 0, 1, 12, 0, 1);
    const claim = claimOf({ id: `repeat:tail-7:${justClosed}`, data }, traits, justClosed);
    expect(claim.tail?.range.toMs).toBe(Date.UTC(2024, 0, 1, 11, 59));
  });

  test('of a tail that the relay added again: the same execution', () => {
    const slotMs = NOW - MINUTE;
    const executionId = tailExecutionId(7, slotMs);
    const again = claimOf({ id: executionId, data: { ...data, executionId, slotMs } }, traits, NOW);
    expect(again).toEqual(claimOf({ id: `repeat:tail-7:${slotMs}`, data }, traits, NOW));
  });

  test('of a provider whose reach is short: no more than it will still have when it is asked', () => {
    const { tail } = claimOf({ id: `repeat:tail-7:${NOW}`, data }, { ...traits, reachCandles: 200 }, NOW);
    expect((tail?.range.toMs ?? 0) - (tail?.range.fromMs ?? 0)).toBe(197 * MINUTE);
  });

  test('of history: its execution alone', () => {
    const executionId = newExecutionId();
    const job = { id: executionId, data: { ...data, kind: 'history' as const, executionId } };
    expect(claimOf(job, traits, NOW)).toEqual({ executionId, tail: undefined });
  });
});
