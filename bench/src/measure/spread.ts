/** What repeated measurements of one thing came to. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** @throws RangeError when there is no value */
export function spreadOf(values: readonly number[]): Spread {
  const ascending = [...values].sort((a, b) => a - b);
  const at = (index: number): number => {
    const value = ascending[index];
    if (value === undefined) throw new RangeError('a spread of no values');
    return value;
  };
  const middle = (ascending.length - 1) / 2;
  return {
    min: at(0),
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    max: at(ascending.length - 1),
  };
}
