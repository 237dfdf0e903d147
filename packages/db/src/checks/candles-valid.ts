import type { OpenCandleRule } from './candle-rule.js';
import { nameOf } from './scope.js';

const RULE = {
  check: 'candles.valid',
  remedy:
    'No worker stores such candles: they were written by SQL, or the disk changed them. Delete them and take their time out of `covered`, so that they are fetched again; if nobody wrote them, check the disk and its memory.',
};

/** Every price is a number, low and high enclose the body, no volume is below zero (as core's checkCandles says). */
export const candlesValid: OpenCandleRule = (scope) => {
  const faults = scope.faults();
  return {
    see({ series, invalid, invalidCount }) {
      for (const one of invalid) faults.add({ ...nameOf(series), ...one });
      faults.addMore(invalidCount - invalid.length);
    },
    finding: () =>
      faults.finding(RULE, {
        sound: 'every candle makes sense',
        broken: 'candles whose prices contradict one another, or are no numbers',
      }),
  };
};
