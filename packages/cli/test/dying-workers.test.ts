import { listAttempts, listExecutions, type ExecutionRow } from '@candlefleet/db';
import { createSimulatedMarket } from '@candlefleet/providers';
import { queueBackends, waitUntil } from '@candlefleet/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startFleet, type Fleet } from './fleet.js';
import { createWorkerProcesses } from './worker-process.js';

const MINUTE = 60_000;
const FROM = Date.UTC(2024, 2, 4);
const PAGES = 20;
const TO = FROM + PAGES * 1_000 * MINUTE;
const SYMBOLS = ['BTC/USDT', 'ETH/USDT'] as const;
const [SYMBOL, OTHER] = SYMBOLS;
const market = createSimulatedMarket({ seed: 3, symbols: [...SYMBOLS] });
const faults = { seed: 1, faults: [{ kind: 'latency' as const, rate: 1, delayMs: 150 }] };

describe.each(queueBackends())('worker processes, with the queue in $name', (backend) => {
  describe.skipIf(backend.skipped)(backend.skipped ? `[skipped: ${backend.skipped}]` : ':', () => {
    let fleet: Fleet;
    let workers: ReturnType<typeof createWorkerProcesses>;
    beforeEach(async () => {
      fleet = await startFleet({ backend, market, faults, withoutWorker: true });
      workers = createWorkerProcesses(fleet, backend);
    });
    afterEach(async () => {
      await workers.close();
      await fleet.close();
    });

    const someOfSlice = (records: number): Promise<ExecutionRow> =>
      waitUntil('some pages of a slice', async () => {
        const [row] = await listExecutions(fleet.db, { limit: 1, statuses: ['in_progress'] });
        return row && row.recordsInserted >= records ? row : undefined;
      });
    const outcomes = async (executionId: string) =>
      (await listAttempts(fleet.db, executionId)).map((one) => one.outcome);
    const expectTruth = async (symbol: string) =>
      expect(await fleet.stored(symbol, '1m')).toEqual(fleet.truth(symbol, '1m', FROM, TO));

    test('killed with -9 in the middle of a slice: another one goes on from its coverage', async () => {
      await fleet.track(SYMBOL, '1m', FROM, TO);
      const first = workers.start();
      const running = await someOfSlice(3_000);
      await workers.kill(first);
      const second = workers.start();
      await fleet.settled(60_000);

      await expectTruth(SYMBOL);
      const [row] = await listExecutions(fleet.db, { limit: 1 });
      expect(row).toMatchObject({ executionId: running.executionId, status: 'completed' });
      expect(row?.recordsInserted).toBe(PAGES * 1_000);
      expect(await outcomes(running.executionId)).toContain('lost');
      // Each page once, but for the one that was on its way.
      expect(fleet.pages()).toBeLessThanOrEqual(PAGES + 1);
      expect(await workers.end(second)).toBe(0);
    }, 120_000);

    test('stopped for longer than its lease, then let go on: its late write is refused, and nothing is doubled', async () => {
      await fleet.track(SYMBOL, '1m', FROM, TO);
      const frozen = workers.start();
      const running = await someOfSlice(2_000);
      frozen.kill('SIGSTOP');
      await waitUntil(
        'the reaper to take its work back',
        async () => (await outcomes(running.executionId)).length > 0,
      );
      const other = workers.start();
      await someOfSlice(running.recordsInserted + 2_000);
      frozen.kill('SIGCONT');
      await fleet.settled(60_000);

      await expectTruth(SYMBOL);
      const [row] = await listExecutions(fleet.db, { limit: 1 });
      expect(row).toMatchObject({ status: 'completed', recordsUpdated: 0 });
      expect(row?.recordsInserted).toBe(PAGES * 1_000);
      const [{ revisions } = { revisions: -1 }] = await fleet.db.sql<{ revisions: number }[]>`
        select count(*)::int as revisions from candle_revisions`;
      expect(revisions).toBe(0);
      expect(await workers.end(other)).toBe(0);
    }, 120_000);

    test('an execution that kills its worker each time is set aside after three, and the others go on', async () => {
      await fleet.track(SYMBOL, '1m', FROM, TO);
      const doomed = await waitUntil('the execution to be planned', async () => {
        const [row] = await listExecutions(fleet.db, { limit: 1 });
        return row?.executionId;
      });
      for (let crash = 1; crash <= 3; crash += 1) {
        const worker = workers.start();
        await waitUntil('it to be in progress', async () => {
          const [row] = await listExecutions(fleet.db, { limit: 1, statuses: ['in_progress'] });
          return row?.executionId === doomed && row.fence === crash;
        });
        await workers.kill(worker);
        // Before it has stored anything: a stored chunk would end the row of crashes.
        await waitUntil(
          'its lease to run out',
          async () => (await outcomes(doomed)).length === crash,
          60_000,
        );
      }
      const [failed] = await listExecutions(fleet.db, { limit: 1, statuses: ['failed'] });
      expect(failed).toMatchObject({ executionId: doomed, errorCode: 'poison', crashes: 3 });
      await fleet.track(OTHER, '1m', FROM, TO);
      workers.start();
      await waitUntil(
        'the other series',
        async () => (await fleet.stored(OTHER, '1m')).length === PAGES * 1_000,
      );
      await expectTruth(OTHER);
      expect(await outcomes(doomed)).toEqual(['lost', 'lost', 'lost']);
    }, 120_000);
  });
});
