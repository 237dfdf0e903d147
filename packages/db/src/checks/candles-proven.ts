import { showInstant, type OpenCandleRule } from './candle-rule.js';
import { nameOf } from './scope.js';

const RULE = {
  check: 'candles.proven',
  remedy:
    'Something stored these candles and did not record what proves them. They stay, and are compared when their time is fetched: `candlefleet backfill` for that stretch. If a restore or SQL by hand did it, nothing else is to be done.',
};

/** Every candle lies in the coverage of its series: nothing is stored that no answer proves (invariant 1). */
export const candlesProven: OpenCandleRule = (scope) => {
  const faults = scope.faults();
  return {
    see({ series, openTimesMs, covered }) {
      let at = 0;
      for (const openMs of openTimesMs) {
        while (at < covered.length && (covered[at]?.toMs ?? 0) <= openMs) at += 1;
        const range = covered[at];
        if (range === undefined || openMs < range.fromMs)
          faults.add({ ...nameOf(series), time: showInstant(openMs) });
      }
    },
    finding: () =>
      faults.finding(RULE, {
        sound: 'every candle lies in the coverage of its series',
        broken: 'candles lie outside of the coverage of their series',
      }),
  };
};
