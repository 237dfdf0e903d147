import postgres from 'postgres';
import { tailExecutionId } from '@candlefleet/core';

/** What a tail leaves behind, as a peer's job would write it: candle, coverage and the record of the work. */
export interface RowWriter {
  /** All three in one statement, and so in one commit. */
  writeAll(seriesId: number): Promise<void>;
  /** The candle alone. */
  writeCandle(seriesId: number): Promise<void>;
  close(): Promise<void>;
}

export function openRowWriter(databaseUrl: string, openMs: number, connections: number): RowWriter {
  const sql = postgres(databaseUrl, { max: connections, onnotice: () => {} });
  const from = openMs / 1_000;
  const to = from + 86_400;
  return {
    async writeAll(seriesId) {
      await sql`
        with candle as (
          insert into market_data (series_id, time, open, high, low, close, volume)
          values (${seriesId}, to_timestamp(${from}::float8), 100, 101.5, 99.25, 100.75, 12.5) on conflict do nothing
        ), coverage as (
          update series_coverage set last_candle = to_timestamp(${from}::float8), candle_count = candle_count + 1,
            covered = covered + tstzmultirange(tstzrange(to_timestamp(${from}::float8), to_timestamp(${to}::float8)))
          where series_id = ${seriesId}
        )
        insert into backfill_state_persistent (execution_id, series_id, symbol, asset_class, timeframe, kind, slot, range,
          status, outcome, job_id, fence, started_at, completed_at, max_retries, records_inserted, requests)
        values (${tailExecutionId(seriesId, openMs)}, ${seriesId}, 'T/USDT', 'crypto', '1d', 'tail',
          to_timestamp(${from}::float8), tstzrange(to_timestamp(${from}::float8), to_timestamp(${to}::float8)),
          'completed', 'stored', 'peer', 1, clock_timestamp(), clock_timestamp(), 5, 1, 1)`;
    },
    async writeCandle(seriesId) {
      await sql`insert into market_data (series_id, time, open, high, low, close, volume)
        values (${seriesId}, to_timestamp(${from}::float8), 100, 101.5, 99.25, 100.75, 12.5)`;
    },
    close: () => sql.end(),
  };
}
