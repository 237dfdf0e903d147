import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { alwaysOpen } from '../calendar/always-open.js';
import type { Calendar } from '../calendar/calendar.js';
import { normalizeRanges, rangesContain } from '../range.js';
import { assessAnswer, confirmHoles } from './assess-answer.js';

const M = 60_000;
const at = (from: number, to: number) => ({ fromMs: from * M, toMs: to * M });
const base = { calendar: alwaysOpen, timeframe: '1m' as const, omitsEmptyCandles: false };
const assess = (asked: [number, number], minutes: number[], more: Partial<typeof base> = {}) =>
  assessAnswer({ ...base, ...more, asked: at(...asked), openTimesMs: minutes.map((minute) => minute * M) });

describe('what an answer proves', () => {
  test('all that was asked, where each candle is there', () => {
    expect(assess([0, 3], [0, 1, 2])).toEqual({ proven: [at(0, 3)], holes: [], rest: undefined });
  });

  test('no more than to the close of the last candle returned', () => {
    expect(assess([0, 5], [0, 1])).toEqual({ proven: [at(0, 2)], holes: [], rest: at(2, 5) });
  });

  test('nothing, where it is empty', () => {
    expect(assess([0, 5], [])).toEqual({ proven: [], holes: [], rest: at(0, 5) });
  });

  test('not its holes, the one at its start included', () => {
    expect(assess([0, 6], [1, 4, 5])).toEqual({
      proven: [at(1, 2), at(4, 6)],
      holes: [at(0, 1), at(2, 4)],
      rest: undefined,
    });
  });

  test('holes between its candles, where the venue writes none when nobody traded; not the one at its start', () => {
    expect(assess([0, 6], [1, 4], { omitsEmptyCandles: true })).toEqual({
      proven: [at(1, 5)],
      holes: [at(0, 1)],
      rest: at(5, 6),
    });
  });

  test('nothing by candles from outside, or off the grid', () => {
    expect(assess([0, 3], [-1, 1.5, 3, 9])).toEqual({ proven: [], holes: [], rest: at(0, 3) });
  });

  test('closed time with the candle before it', () => {
    // Opens at 0 … 4, then 10 … 14, and so on: five minutes of trading, five of rest.
    const session: Calendar = {
      ...alwaysOpen,
      id: 'five on, five off',
      openAtOrBefore: (_, atMs) => {
        const minute = Math.floor(atMs / M);
        return (Math.floor(minute / 10) * 10 + Math.min(4, ((minute % 10) + 10) % 10)) * M;
      },
      stepOpen: (_, openMs, count) => {
        const index = Math.floor(openMs / M / 10) * 5 + ((openMs / M) % 10) + count;
        return (Math.floor(index / 5) * 10 + (index % 5)) * M;
      },
    };
    const minutes = [0, 1, 2, 3, 4, 10, 11, 12, 13, 14].map((minute) => minute * M);
    const whole = assessAnswer({ ...base, calendar: session, asked: at(0, 20), openTimesMs: minutes });
    expect(whole).toEqual({ proven: [at(0, 20)], holes: [], rest: undefined });
  });

  test('proven, holes and rest are apart, make up what was asked, and each candle inside is proven', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: -5, max: 45 })),
        fc.boolean(),
        (minutes, omitsEmptyCandles) => {
          const { proven, holes, rest } = assess([0, 40], minutes, { omitsEmptyCandles });
          const parts = [...proven, ...holes, ...(rest ? [rest] : [])];
          expect(normalizeRanges(parts)).toEqual([at(0, 40)]);
          expect(parts.reduce((sum, part) => sum + part.toMs - part.fromMs, 0)).toBe(40 * M);
          for (const minute of minutes.filter((one) => one >= 0 && one < 40))
            expect(rangesContain(proven, minute * M)).toBe(true);
          const last = Math.max(...minutes.filter((one) => one < 40));
          for (const range of proven) expect(range.toMs).toBeLessThanOrEqual((last + 1) * M);
        },
      ),
    );
  });
});

describe('what a second answer confirms', () => {
  const confirm = (
    first: number[],
    holes: [number, number][],
    from: number,
    minutes: number[],
    unsound: number[] = [],
  ) =>
    confirmHoles(
      holes.map(([a, b]) => at(a, b)),
      {
        ...base,
        asked: { fromMs: from * M, toMs: Number.POSITIVE_INFINITY },
        openTimesMs: minutes.map((minute) => minute * M),
        firstOpenTimesMs: first.map((minute) => minute * M),
        unsoundMs: unsound.map((minute) => minute * M),
      },
    ).proven;
  const HOLES: [number, number][] = [
    [3, 5],
    [7, 8],
  ];

  test('the holes that it does not show either, though it shows what is behind them', () => {
    expect(confirm([1, 2, 5, 6, 8], HOLES, 0, [1, 2, 5, 6, 8])).toEqual([at(3, 5), at(7, 8)]);
  });

  test('of a hole of which it brings a candle, that candle alone: the first answer left some out', () => {
    expect(confirm([1, 2, 5, 6, 8], HOLES, 0, [1, 2, 4, 5, 6, 8])).toEqual([at(4, 5), at(7, 8)]);
  });

  test('not a hole whose end it does not show: it begins late, or was cut', () => {
    expect(confirm([1, 2, 5, 6, 8], HOLES, 0, [6, 8, 9])).toEqual([at(7, 8)]);
    expect(confirm([1, 2, 5, 6, 8], HOLES, 0, [1, 2, 5, 6])).toEqual([at(3, 5)]);
  });

  test('not what lies before its start', () => {
    expect(confirm([5], [[1, 5]], 2, [5, 6])).toEqual([at(2, 5)]);
  });

  test('not a hole in which one of the two showed a candle that is not sound', () => {
    expect(confirm([1, 2, 5, 6, 8], HOLES, 0, [1, 2, 5, 6, 8], [4])).toEqual([at(7, 8)]);
    expect(confirm([1, 2, 5, 6, 8], HOLES, 0, [1, 2, 4, 5, 6, 8], [3, 4])).toEqual([at(4, 5), at(7, 8)]);
  });

  test('nothing, where it is empty, or has rows off the grid', () => {
    expect(confirm([5], [[1, 3]], 0, [])).toEqual([]);
    expect(confirm([5], [[1, 5]], 0, [5, 6, 6.5])).toEqual([]);
  });
});
