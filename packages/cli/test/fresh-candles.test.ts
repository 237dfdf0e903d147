import { createSimulatedMarket } from '@candlefleet/providers';
import { queueBackends, waitUntil } from '@candlefleet/testing';
import { listExecutions } from '@candlefleet/db';
import { expect, test } from 'vitest';
import { startFleet } from './fleet.js';

const MINUTE = 60_000;
const SYMBOL = 'BTC/USDT';

// All at once: each waits for a real minute to close.
test.concurrent.each(queueBackends())(
  'a fresh candle is stored within its cadence while a large history backfill uses up the budget, with the queue in $name',
  async (backend) => {
    if (backend.skipped) return;
    const market = createSimulatedMarket({ seed: 5, symbols: [SYMBOL] });
    // Five pages a second: the history takes longer than the test looks.
    const fleet = await startFleet({ backend, market, weightLimit: 600, concurrency: 4 });
    try {
      await fleet.track(SYMBOL, '1m', Date.now() - 700_000 * MINUTE);
      await waitUntil('the history to be under way', async () => fleet.pages() > 20);
      const openMs = Math.floor(Date.now() / MINUTE) * MINUTE;
      const has = async () => (await fleet.lastStored(SYMBOL, '1m')) >= openMs;
      await waitUntil('the minute that is forming now to be stored', has, 3 * MINUTE);
      expect(Date.now()).toBeLessThan(openMs + 2 * MINUTE);
      const rows = await listExecutions(fleet.db, { limit: 1_000 });
      expect(rows.some((row) => row.kind === 'history' && row.status !== 'completed')).toBe(true);
    } finally {
      await fleet.close();
    }
  },
  200_000,
);
