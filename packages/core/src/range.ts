/** A half-open stretch of time, `[fromMs, toMs)`, in milliseconds since the epoch. Never empty inside a `Ranges`. */
export interface Range {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Disjoint ranges in ascending order, no two touching: the shape of a Postgres multirange. */
export type Ranges = readonly Range[];

/** Sorts, drops empty ranges, and merges what overlaps or touches. */
export function normalizeRanges(ranges: Iterable<Range>): Range[] {
  const sorted = [...ranges].filter((r) => r.fromMs < r.toMs).sort((a, b) => a.fromMs - b.fromMs);
  const merged: Range[] = [];
  for (const range of sorted) {
    const last = merged.at(-1);
    if (last && range.fromMs <= last.toMs) {
      merged[merged.length - 1] = { fromMs: last.fromMs, toMs: Math.max(last.toMs, range.toMs) };
    } else {
      merged.push(range);
    }
  }
  return merged;
}

export function unionRanges(a: Ranges, b: Ranges): Range[] {
  return normalizeRanges([...a, ...b]);
}

/** What is in `a` and in `b`. */
export function intersectRanges(a: Ranges, b: Ranges): Range[] {
  const common: Range[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const left = a[i] as Range;
    const right = b[j] as Range;
    const fromMs = Math.max(left.fromMs, right.fromMs);
    const toMs = Math.min(left.toMs, right.toMs);
    if (fromMs < toMs) common.push({ fromMs, toMs });
    if (left.toMs < right.toMs) i++;
    else j++;
  }
  return common;
}

/** What is in `a` and not in `b`. */
export function subtractRanges(a: Ranges, b: Ranges): Range[] {
  const left: Range[] = [];
  let j = 0;
  for (const range of a) {
    let fromMs = range.fromMs;
    while (j < b.length && (b[j] as Range).toMs <= fromMs) j++;
    for (let k = j; k < b.length && (b[k] as Range).fromMs < range.toMs; k++) {
      const cut = b[k] as Range;
      if (cut.fromMs > fromMs) left.push({ fromMs, toMs: cut.fromMs });
      fromMs = Math.max(fromMs, cut.toMs);
    }
    if (fromMs < range.toMs) left.push({ fromMs, toMs: range.toMs });
  }
  return left;
}

export function rangesContain(ranges: Ranges, atMs: number): boolean {
  return ranges.some((r) => r.fromMs <= atMs && atMs < r.toMs);
}

/** From the first start to the last end, or nothing when there are no ranges. */
export function hullOf(ranges: Ranges): Range | undefined {
  const first = ranges[0];
  const last = ranges.at(-1);
  return first && last ? { fromMs: first.fromMs, toMs: last.toMs } : undefined;
}
