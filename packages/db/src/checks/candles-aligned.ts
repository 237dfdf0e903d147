import { calendarOf, isAligned } from '@candlefleet/core';
import { showInstant, type OpenCandleRule } from './candle-rule.js';
import { nameOf } from './scope.js';

const RULE = {
  check: 'candles.aligned',
  remedy:
    'These candles open where none can. Delete them, and take their time out of `covered`, so that they are fetched again; no command stores such candles: look for SQL by hand.',
};

/** Every candle opens where its calendar opens one (DESIGN, alignment). */
export const candlesAligned: OpenCandleRule = (scope) => {
  const faults = scope.faults();
  return {
    see({ series, openTimesMs }) {
      const { calendar, timeframe } = series;
      if (calendar === null || timeframe === null) return;
      const known = calendarOf(calendar);
      for (const openMs of openTimesMs) {
        if (!isAligned(known, timeframe, openMs))
          faults.add({ ...nameOf(series), time: showInstant(openMs), openMs: String(openMs) });
      }
    },
    finding: () =>
      faults.finding(RULE, {
        sound: 'every candle opens on its grid',
        broken: 'candles open off their grid',
      }),
  };
};
