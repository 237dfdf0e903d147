import { calendarOf } from '@candlefleet/core';
import { showInstant, type OpenCandleRule } from './candle-rule.js';
import { nameOf } from './scope.js';

const RULE = {
  check: 'candles.closed',
  remedy:
    "These candles were stored while they were forming: half candles, which may be wrong. Check the clocks of the database's and the workers' machines, then delete the candles and take their time out of `covered`, so that they are fetched again.",
};

/** Every candle had closed, by the database's clock, when it was stored (invariant 3). */
export const candlesClosed: OpenCandleRule = (scope) => {
  const faults = scope.faults();
  let unsettled = 0;
  return {
    see({ series, early }) {
      const { calendar, timeframe, provider } = series;
      if (calendar === null || timeframe === null) return;
      const known = calendarOf(calendar);
      const { settleDelayMs } = scope.traitsOf(provider);
      for (const { openMs, storedMs } of early) {
        const closeMs = known.closeOf(timeframe, openMs);
        if (storedMs < closeMs)
          faults.add({ ...nameOf(series), time: showInstant(openMs), stored: showInstant(storedMs) });
        else if (storedMs < closeMs + settleDelayMs) unsettled += 1;
      }
    },
    finding() {
      // A worker reckons the database's clock to within half a round trip: no fault, but worth a word.
      const told = unsettled > 0 ? `; ${unsettled} within the provider's settle delay` : '';
      return faults.finding(RULE, {
        sound: `every candle had closed when it was stored${told}`,
        broken: 'candles had not closed when they were stored',
      });
    },
  };
};
