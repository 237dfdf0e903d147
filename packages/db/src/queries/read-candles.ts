import type { Candle, Range } from '@candlefleet/core';
import type { Database } from '../connect.js';

const BATCH = 5_000;

/** Streams a series' candles in order, in batches paged by time. `range` is half-open; its ends may be infinite. */
export async function* readCandles(db: Database, seriesId: number, range: Range): AsyncGenerator<Candle[]> {
  let fromMs = Number.isFinite(range.fromMs) ? range.fromMs : null;
  const toMs = Number.isFinite(range.toMs) ? range.toMs : null;
  for (;;) {
    const rows: readonly Candle[] = await db.run(
      'read candles',
      (sql) => sql<Candle[]>`
        select to_ms(time) as "openMs", open, high, low, close, volume from market_data
        where series_id = ${seriesId}
          and time >= coalesce(from_ms(${fromMs}::float8), '-infinity') and time < coalesce(from_ms(${toMs}::float8), 'infinity')
        order by time limit ${BATCH}`,
    );
    if (rows.length > 0) yield [...rows];
    const last = rows.at(-1);
    if (!last || rows.length < BATCH) return;
    fromMs = last.openMs + 1;
  }
}

export async function findSeries(
  db: Database,
  key: { provider?: string | undefined; symbol: string; timeframe: string },
): Promise<{ seriesId: number; provider: string }[]> {
  return db.run(
    'find series',
    (sql) => sql<{ seriesId: number; provider: string }[]>`
      select series_id as "seriesId", provider from series
      where symbol = ${key.symbol} and timeframe = ${key.timeframe}
        and (${key.provider === undefined} or provider = ${key.provider ?? ''}) order by provider`,
  );
}
