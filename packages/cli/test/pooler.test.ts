import { createSimulatedMarket } from '@candlefleet/providers';
import {
  createTestDatabase,
  queueBackends,
  startPooler,
  WITHOUT_POOLER,
  type Pooler,
} from '@candlefleet/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startFleet } from './fleet.js';
import { makeDataDir, runProgram, startProgram } from './program.js';

const M = 60_000;
const FROM = Date.UTC(2024, 2, 4);
const TO = FROM + 3_000 * M;
const SYMBOLS = ['BTC/USDT', 'ETH/USDT', 'SOL/USDT'];

describe.skipIf(WITHOUT_POOLER)(`behind a pooler in transaction mode${WITHOUT_POOLER}`, () => {
  let pooler: Pooler;
  beforeAll(async () => {
    // Fewer sessions than the fleet has connections: they are shared.
    pooler = await startPooler(3);
  });
  afterAll(() => pooler.stop());

  describe.each(queueBackends())('with the queue in $label', (backend) => {
    test.skipIf(backend.skipped)('the table equals the source', async () => {
      const market = createSimulatedMarket({ seed: 11, symbols: SYMBOLS });
      const fleet = await startFleet({ backend, market, pooler });
      try {
        for (const symbol of SYMBOLS) await fleet.track(symbol, '1m', FROM, TO);
        await fleet.settled();
        for (const symbol of SYMBOLS)
          expect(await fleet.stored(symbol, '1m')).toEqual(fleet.truth(symbol, '1m', FROM, TO));
      } finally {
        await fleet.close();
      }
    });
  });

  test('the real processes find both ways, and so does a command that asks the running fleet', async () => {
    const folder = makeDataDir();
    const database = await createTestDatabase();
    const fleet = startProgram(['--data-dir', folder.dataDir, 'up', '--source', 'replay'], {
      DATABASE_URL: pooler.through(database.url),
      DATABASE_DIRECT_URL: database.url,
      UP_WORKERS: '1',
    });
    try {
      await fleet.said('candlefleet is ready');
      const { stdout, code } = await runProgram(['--data-dir', folder.dataDir, 'doctor', '--json']);
      expect(JSON.parse(stdout).findings.filter((one: { ok: boolean }) => !one.ok)).toEqual([]);
      expect(code).toBe(0);
    } finally {
      await fleet.end('SIGTERM');
      await database.drop();
      folder.remove();
    }
  });
});

test('a direct URL without the other is a mistake', async () => {
  const { code, stderr } = await runProgram(['status'], { DATABASE_DIRECT_URL: 'postgres://u:p@h/d' });
  expect(stderr).toContain('DATABASE_DIRECT_URL is set without DATABASE_URL');
  expect(code).toBe(2);
});
