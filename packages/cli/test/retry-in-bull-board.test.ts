import { systemClock } from '@candlefleet/core';
import { startDashboard, type Dashboard } from '@candlefleet/dashboard';
import { listAttempts, listExecutions } from '@candlefleet/db';
import { createHealth } from '@candlefleet/health';
import { createSimulatedMarket } from '@candlefleet/providers';
import { backfillQueueName } from '@candlefleet/queue';
import { queueBackends, waitUntil } from '@candlefleet/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { startFleet, type Fleet } from './fleet.js';

const M = 60_000;
const FROM = Date.UTC(2024, 2, 4);
const market = createSimulatedMarket({ seed: 11, symbols: ['BTC/USDT'] });
const QUEUE = backfillQueueName('replay');

describe.each(queueBackends())('a failed job in Bull Board, with a whole fleet on $label,', (backend) => {
  describe.skipIf(backend.skipped)(':', () => {
    let fleet: Fleet;
    let dashboard: Dashboard;
    afterEach(async () => {
      await dashboard.close();
      await fleet.close();
    });

    test('is retried as the same execution, which completes', async () => {
      fleet = await startFleet({ backend, market, withoutWorker: true });
      const { db, queues, log } = fleet;
      const health = createHealth({ clock: systemClock, log });
      dashboard = await startDashboard({ db, queues, health, port: 0, log });
      // Its candles belong to another host: no retry helps until a person has mended that.
      await fleet.track('BTC/USDT', '1m', FROM, FROM + 1_500 * M);
      await fleet.db.sql`update series set origin = 'elsewhere'`;
      await fleet.startWorker();
      const failed = await waitUntil('it to fail', async () => {
        const [row] = await listExecutions(fleet.db, { limit: 1, statuses: ['failed'] });
        return row;
      });
      const { executionId } = failed;
      expect(failed).toMatchObject({ errorCode: 'foreign_origin', retryCount: 0 });
      await waitUntil(
        'its job to fail',
        async () => (await fleet.queues.queue(QUEUE).getJobState(executionId)) === 'failed',
      );
      await fleet.db.sql`update series set origin = null`;

      const path = `${dashboard.url}/queues/api/queues/${QUEUE}/${executionId}/retry`;
      expect((await fetch(path, { method: 'PUT' })).status).toBe(204);
      await fleet.settled();
      const rows = await listExecutions(fleet.db, { limit: 10 });
      expect(rows).toMatchObject([{ executionId, status: 'completed', outcome: 'stored', retryCount: 1 }]);
      expect(await listAttempts(fleet.db, executionId)).toMatchObject([{ outcome: 'failed' }]);
      expect(await fleet.stored('BTC/USDT', '1m')).toEqual(
        fleet.truth('BTC/USDT', '1m', FROM, FROM + 1_500 * M),
      );
    });
  });
});
