import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  hullOf,
  intersectRanges,
  normalizeRanges,
  rangesContain,
  subtractRanges,
  unionRanges,
  type Range,
} from './range.js';

const POINTS = 40;
const anyRanges = fc
  .array(fc.tuple(fc.nat(POINTS), fc.nat(POINTS)), { maxLength: 8 })
  .map((pairs) =>
    normalizeRanges(pairs.map(([a, b]): Range => ({ fromMs: Math.min(a, b), toMs: Math.max(a, b) }))),
  );

/** Which whole points lie in it: the model that every operation is held against. */
const points = (ranges: readonly Range[]) =>
  Array.from({ length: POINTS }, (_, at) => rangesContain(ranges, at));
const isNormal = (ranges: readonly Range[]) =>
  ranges.every((r, i) => r.fromMs < r.toMs && (i === 0 || (ranges[i - 1]?.toMs ?? 0) < r.fromMs));

describe('ranges', () => {
  test.each([
    ['unionRanges', unionRanges, (a: boolean, b: boolean) => a || b],
    ['intersectRanges', intersectRanges, (a: boolean, b: boolean) => a && b],
    ['subtractRanges', subtractRanges, (a: boolean, b: boolean) => a && !b],
  ] as const)('%s holds exactly the points that sets say, and stays normal', (_name, operation, model) => {
    fc.assert(
      fc.property(anyRanges, anyRanges, (a, b) => {
        const result = operation(a, b);
        const [inA, inB] = [points(a), points(b)];
        expect(points(result)).toEqual(inA.map((has, at) => model(has, inB[at] ?? false)));
        expect(isNormal(result)).toBe(true);
      }),
    );
  });

  test('normalizeRanges merges what touches and drops what is empty', () => {
    const ranges = [
      { fromMs: 5, toMs: 7 },
      { fromMs: 1, toMs: 3 },
      { fromMs: 3, toMs: 4 },
      { fromMs: 9, toMs: 9 },
    ];
    expect(normalizeRanges(ranges)).toEqual([
      { fromMs: 1, toMs: 4 },
      { fromMs: 5, toMs: 7 },
    ]);
  });

  test('hullOf spans from the first start to the last end, and is nothing of nothing', () => {
    expect(
      hullOf([
        { fromMs: 1, toMs: 2 },
        { fromMs: 8, toMs: 9 },
      ]),
    ).toEqual({ fromMs: 1, toMs: 9 });
    expect(hullOf([])).toBeUndefined();
  });
});
