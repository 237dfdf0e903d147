import { FleetError, type CandleSource } from '@candlefleet/core';
import { connectDatabase, listTrackedSymbols, untrackSymbol, type Database } from '@candlefleet/db';
import { providerTraits } from '@candlefleet/providers';
import { createTestDatabase, type TestDatabase } from '@candlefleet/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { seedWatchlist } from '../src/up/seed-watchlist.js';

let database: TestDatabase;
let db: Database;
beforeEach(async () => {
  database = await createTestDatabase();
  db = connectDatabase({ url: database.url, applicationName: 'test', poolSize: 2 });
});
afterEach(async () => {
  await db.close();
  await database.drop();
});

const symbols = ['BTC/USDT', 'ETH/USDT', 'SOL/USDT'];
const LISTED = Date.UTC(2017, 7, 17);

function sourceOf(more: Partial<CandleSource> = {}): CandleSource {
  return {
    traits: providerTraits('binance'),
    origin: 'host',
    async *fetchCandles() {},
    findSymbols: async () => symbols.map((symbol) => ({ symbol, assetClass: 'crypto', active: true })),
    findFirstCandle: async () => LISTED,
    ping: async () => {},
    close: async () => {},
    ...more,
  };
}

const seed = (source: CandleSource) =>
  seedWatchlist({
    db,
    choice: { source: 'live', provider: 'binance' },
    openSource: async () => source,
    actor: 'test',
  });
const tracked = async () => (await listTrackedSymbols(db)).map((one) => one.symbol);

test('the first watchlist is written once', async () => {
  expect(await seed(sourceOf())).toBe(true);
  expect(await tracked()).toEqual(symbols);
  expect(await seed(sourceOf())).toBe(false);
});

test('a start that breaks off after the first symbol leaves nothing, and the next one writes it whole', async () => {
  let left = 1;
  const failing = sourceOf({
    findFirstCandle: async () => {
      if (left-- > 0) return LISTED;
      throw new FleetError({ code: 'unavailable', message: 'gone', retryable: true });
    },
  });
  await expect(seed(failing)).rejects.toThrow('gone');
  expect(await tracked()).toEqual([]);
  expect(await seed(sourceOf())).toBe(true);
  expect(await tracked()).toEqual(symbols);
});

test('a watchlist that a person emptied stays empty', async () => {
  await seed(sourceOf());
  for (const symbol of symbols) await untrackSymbol(db, 'binance', symbol, 'test');
  expect(await seed(sourceOf())).toBe(false);
  expect(await tracked()).toEqual([]);
});

test('a recorded series is tracked from its first candle to the close of its last', async () => {
  const series = [{ timeframe: '1h' as const, fromMs: LISTED, toMs: LISTED + 5 * 3_600_000 }];
  const source = sourceOf({
    traits: providerTraits('replay'),
    findSymbols: async () => [{ symbol: 'BTC/USDT', assetClass: 'crypto', active: true, series }],
  });
  await seedWatchlist({
    db,
    choice: { source: 'replay', seed: 1, recordings: '/somewhere' },
    openSource: async () => source,
    actor: 'test',
  });
  const rows = await db.sql`
    select timeframe, to_ms(history_start)::float8 as "fromMs", to_ms(history_end)::float8 as "toMs" from series`;
  expect([...rows]).toEqual(series);
});
