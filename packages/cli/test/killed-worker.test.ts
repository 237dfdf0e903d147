import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { listAttempts, listExecutions } from '@candlefleet/db';
import { createSimulatedMarket } from '@candlefleet/providers';
import { queueBackends, waitUntil } from '@candlefleet/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { startFleet, type Fleet } from './fleet.js';

const PROGRAM = fileURLToPath(new URL('../../../scripts/candlefleet.mjs', import.meta.url));
const MINUTE = 60_000;
const FROM = Date.UTC(2024, 2, 4);
const TO = FROM + 20_000 * MINUTE;
const SYMBOL = 'BTC/USDT';
const market = createSimulatedMarket({ seed: 3, symbols: [SYMBOL] });

describe.each(queueBackends())('a worker killed with -9, with the queue in $name', (backend) => {
  describe.skipIf(backend.skipped)(backend.skipped ? `[skipped: ${backend.skipped}]` : ':', () => {
    let fleet: Fleet;
    const workers = new Set<ChildProcess>();

    /** The shipped program, with a lease short enough for a test, and long enough for a busy machine. */
    function startWorkerProcess(): ChildProcess {
      const child = spawn(process.execPath, [PROGRAM, 'worker'], {
        stdio: 'ignore',
        env: {
          ...process.env,
          DATABASE_URL: fleet.database.url,
          REDIS_URL: backend.redisUrl ?? '',
          QUEUE_NAMESPACE: fleet.namespace,
          PROVIDER_BASE_URL_REPLAY: fleet.server.url,
          LEASE_SECONDS: '6',
        },
      });
      workers.add(child);
      return child;
    }
    afterEach(async () => {
      for (const child of workers) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        child.kill('SIGTERM');
        await once(child, 'exit');
      }
      workers.clear();
      await fleet.close();
    });

    test('in the middle of a slice: another one goes on from its coverage', async () => {
      const faults = [{ kind: 'latency' as const, rate: 1, delayMs: 150 }];
      fleet = await startFleet({ backend, market, faults: { seed: 1, faults }, withoutWorker: true });
      await fleet.track(SYMBOL, '1m', FROM, TO);
      const first = startWorkerProcess();
      const running = await waitUntil('some pages of a slice', async () => {
        const [row] = await listExecutions(fleet.db, { limit: 1, statuses: ['in_progress'] });
        return row && row.recordsInserted >= 3_000 ? row : undefined;
      });
      first.kill('SIGKILL');
      await once(first, 'exit');
      const covered = (await fleet.stored(SYMBOL, '1m')).length;
      const second = startWorkerProcess();
      await fleet.settled(60_000);

      expect(await fleet.stored(SYMBOL, '1m')).toEqual(fleet.truth(SYMBOL, '1m', FROM, TO));
      const [row] = await listExecutions(fleet.db, { limit: 1 });
      expect(row).toMatchObject({
        executionId: running.executionId,
        status: 'completed',
        recordsInserted: 20_000,
      });
      const attempts = await listAttempts(fleet.db, running.executionId);
      expect(attempts.map((one) => one.outcome)).toEqual(['lost']);
      // Each page once, but for the one that was on its way.
      expect(covered).toBeGreaterThanOrEqual(3_000);
      expect(fleet.pages()).toBeLessThanOrEqual(20 + 1);

      second.kill('SIGTERM');
      expect(await once(second, 'exit')).toEqual([0, null]);
    }, 120_000);
  });
});
