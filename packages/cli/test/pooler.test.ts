import { connectDatabase, readCandles, trackSymbol, findSeries, readSeriesFacts } from '@candlefleet/db';
import { createSimulatedMarket, startReplayServer } from '@candlefleet/providers';
import {
  createTestDatabase,
  forgetNamespace,
  queueBackends,
  startPooler,
  testNamespace,
  waitUntil,
  WITHOUT_POOLER,
} from '@candlefleet/testing';
import { describe, expect, test } from 'vitest';
import { startRole, type RoleProcess } from './role-process.js';

const MINUTE = 60_000;
const FROM = Date.UTC(2024, 2, 4);
const TO = FROM + 12_000 * MINUTE;
const SYMBOL = 'BTC/USDT';
const market = createSimulatedMarket({ seed: 3, symbols: [SYMBOL] });

describe.each(queueBackends())('behind a pooler in transaction mode, with the queue in $label', (backend) => {
  test.skipIf(backend.skipped ?? WITHOUT_POOLER)(
    `the shipped programs fill the table, and only what needs a session goes past it ${WITHOUT_POOLER ?? ''}`,
    async () => {
      const database = await createTestDatabase();
      const pooler = await startPooler(database.url);
      const server = await startReplayServer({ market });
      const namespace = testNamespace();
      const db = connectDatabase({ url: database.url, applicationName: 'test', poolSize: 2 });
      const env = {
        DATABASE_URL: pooler.url,
        DATABASE_DIRECT_URL: database.url,
        REDIS_URL: backend.redisUrl ?? '',
        QUEUE_NAMESPACE: namespace,
        PROVIDER_BASE_URL_REPLAY: server.url,
        UPKEEP_SECONDS: '1',
      };
      const processes: RoleProcess[] = [];
      let codes: (number | null)[] = [];
      try {
        await trackSymbol(
          db,
          {
            provider: 'replay',
            symbol: SYMBOL,
            assetClass: 'crypto',
            calendar: '24x7',
            timeframes: ['1m'],
            historyFromMs: FROM,
            historyToMs: TO,
          },
          'test',
        );
        processes.push(startRole('producer', env), startRole('worker', env), startRole('worker', env));
        await waitUntil(
          'the history to be there',
          async () =>
            (await readSeriesFacts(db)).every(
              ({ settled, unfinished, wantedToMs }) =>
                unfinished === 0 && settled.some((range) => range.toMs === wantedToMs),
            ),
          60_000,
        );
        const pooled = connectDatabase({
          url: pooler.url,
          directUrl: database.url,
          applicationName: 'test',
          poolSize: 1,
        });
        const [session] = await pooled.run(
          'timeouts',
          (sql) => sql<{ timeout: string; zone: string }[]>`
          select current_setting('statement_timeout') as timeout, current_setting('TimeZone') as zone`,
        );
        await pooled.close();
        expect(session).toEqual({ timeout: '30s', zone: 'UTC' });

        const [series] = await findSeries(db, { provider: 'replay', symbol: SYMBOL, timeframe: '1m' });
        let count = 0;
        for await (const batch of readCandles(db, series?.seriesId ?? 0, { fromMs: FROM, toMs: TO }))
          count += batch.length;
        expect(count).toBe(12_000);
      } finally {
        for (const one of processes) one.kill('SIGTERM');
        codes = await Promise.all(processes.map((one) => one.ended));
        await db.close();
        await server.close();
        await pooler.close();
        await forgetNamespace(backend.redisUrl, namespace);
        await database.drop();
      }
      expect(codes).toEqual([0, 0, 0]);
    },
    120_000,
  );
});
