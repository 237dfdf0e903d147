import { listAttempts, listExecutions } from '@candlefleet/db';
import { createSimulatedMarket } from '@candlefleet/providers';
import { queueBackends, waitUntil } from '@candlefleet/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startFleet, type Fleet } from './fleet.js';
import { startRole, type RoleProcess } from './role-process.js';

const MINUTE = 60_000;
const FROM = Date.UTC(2024, 2, 4);
const PAGES = 20;
const TO = FROM + PAGES * 1_000 * MINUTE;
const SYMBOL = 'BTC/USDT';
const market = createSimulatedMarket({ seed: 3, symbols: [SYMBOL] });
const faults = { seed: 1, faults: [{ kind: 'latency' as const, rate: 1, delayMs: 150 }] };
/** Short enough for a test, long enough for a busy machine to renew it. */
const LEASE_SECONDS = '4';

// What else may become of a worker is broken in chaos/test.
describe.each(queueBackends())('worker processes, with the queue in $name', (backend) => {
  describe.skipIf(backend.skipped)(backend.skipped ? `[skipped: ${backend.skipped}]` : ':', () => {
    let fleet: Fleet;
    const workers: RoleProcess[] = [];
    beforeEach(async () => {
      fleet = await startFleet({ backend, market, faults, withoutWorker: true });
    });
    afterEach(async () => {
      for (const one of workers.splice(0)) {
        one.kill('SIGKILL');
        await one.ended;
      }
      await fleet.close();
    });

    function startWorker(): RoleProcess {
      const worker = startRole('worker', {
        DATABASE_URL: fleet.database.url,
        REDIS_URL: backend.redisUrl ?? '',
        QUEUE_NAMESPACE: fleet.namespace,
        PROVIDER_BASE_URL_REPLAY: fleet.server.url,
        LEASE_SECONDS,
      });
      workers.push(worker);
      return worker;
    }

    test('killed with -9 in the middle of a slice: another one goes on from its coverage', async () => {
      await fleet.track(SYMBOL, '1m', FROM, TO);
      const first = startWorker();
      const running = await waitUntil('some pages of a slice', async () => {
        const [row] = await listExecutions(fleet.db, { limit: 1, statuses: ['in_progress'] });
        return row && row.recordsInserted >= 3_000 ? row : undefined;
      });
      first.kill('SIGKILL');
      await first.ended;
      const second = startWorker();
      await fleet.settled(60_000);

      expect(await fleet.stored(SYMBOL, '1m')).toEqual(fleet.truth(SYMBOL, '1m', FROM, TO));
      const [row] = await listExecutions(fleet.db, { limit: 1 });
      expect(row).toMatchObject({ executionId: running.executionId, status: 'completed' });
      expect(row?.recordsInserted).toBe(PAGES * 1_000);
      const attempts = await listAttempts(fleet.db, running.executionId);
      expect(attempts.map((one) => one.outcome)).toContain('lost');
      // Each page once, but for the one that was on its way.
      expect(fleet.pages()).toBeLessThanOrEqual(PAGES + 1);
      second.kill('SIGTERM');
      expect(await second.ended).toBe(0);
    }, 120_000);
  });
});
