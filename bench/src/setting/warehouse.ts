import { newExecutionId, type Range, type Timeframe } from '@candlefleet/core';
import { connectDatabase, renewLease, type Database } from '@candlefleet/db';
import { createTestDatabase } from '@candlefleet/testing';

/** A database of a benchmark's own, with series in it. */
export interface Warehouse {
  readonly url: string;
  readonly db: Database;
  /** Tracks symbols of one timeframe; answers their series, in order. */
  track(series: { symbols: readonly string[]; timeframe: Timeframe; range: Range }): Promise<number[]>;
  /** No candle, no execution, nothing covered; and no work left over for the next measurement. */
  empty(): Promise<void>;
  /** The same, but for the candles. */
  forget(): Promise<void>;
  /** A worker with a living lease. */
  lease(): Promise<string>;
  close(): Promise<void>;
}

export const PROVIDER = 'replay';
const LEASE_MS = 3_600_000;

export async function openWarehouse(): Promise<Warehouse> {
  const { url, drop } = await createTestDatabase();
  const db = connectDatabase({ url, applicationName: 'candlefleet bench', poolSize: 2, deadlineMs: 600_000 });
  const forget = async () => {
    await db.sql`truncate backfill_state_persistent, execution_attempts`;
    await db.sql`update series_coverage set covered = '{}', last_candle = null, candle_count = 0 where covered <> '{}'`;
    await db.sql`vacuum series_coverage`;
    await db.sql`checkpoint`;
  };
  return {
    url,
    db,
    async track({ symbols, timeframe, range }) {
      await db.sql`
        insert into series (provider, symbol, timeframe, history_start, history_end)
        select ${PROVIDER}, unnest(string_to_array(${symbols.join(',')}, ',')), ${timeframe}, to_timestamp(${range.fromMs / 1_000}::float8),
          to_timestamp(${range.toMs / 1_000}::float8)`;
      await db.sql`
        insert into tracked_symbols (provider, symbol, asset_class, calendar, timeframes)
        select ${PROVIDER}, unnest(string_to_array(${symbols.join(',')}, ',')), 'crypto', '24x7', array[${timeframe}]`;
      const rows = await db.sql<{ id: number; symbol: string }[]>`
        select series_id as id, symbol from series where timeframe = ${timeframe}`;
      const ids = new Map(rows.map((row) => [row.symbol, row.id]));
      return symbols.map((symbol) => ids.get(symbol) ?? 0);
    },
    async empty() {
      await db.sql`truncate market_data, candle_revisions`;
      await forget();
    },
    forget,
    async lease() {
      const workerId = newExecutionId();
      const worker = { workerId, host: 'bench', pid: process.pid, version: 'bench', leaseMs: LEASE_MS };
      await renewLease(db, { ...worker, held: [], queues: [], load: {} });
      return workerId;
    },
    async close() {
      await db.close();
      await drop();
    },
  };
}
