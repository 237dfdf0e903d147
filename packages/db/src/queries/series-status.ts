import type { Range, Timeframe } from '@candlefleet/core';
import type { Database } from '../connect.js';
import { parseRanges } from '../literals.js';

export interface SeriesFacts {
  readonly seriesId: number;
  readonly provider: string;
  readonly symbol: string;
  readonly timeframe: Timeframe;
  readonly calendar: string;
  readonly active: boolean;
  readonly wantedFromMs: number | null;
  readonly wantedToMs: number | null;
  readonly settled: Range[];
  readonly covered: Range[];
  readonly unconfirmed: Range[];
  /** Candles stored within the wanted range. */
  readonly storedCandles: number;
  readonly lastCandleMs: number | null;
  readonly unfinished: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly streak: number;
}

type Row = Omit<SeriesFacts, 'settled' | 'covered' | 'unconfirmed'> & {
  settled: unknown;
  covered: unknown;
  unconfirmed: unknown;
};

/** What is known about every tracked series. `failed` and `cancelled` count what keeps the planner away. */
export async function readSeriesFacts(db: Database): Promise<SeriesFacts[]> {
  const rows = await db.run(
    'series status',
    (sql) => sql<Row[]>`
      select t.series_id as "seriesId", t.provider, t.symbol, t.timeframe, t.calendar, t.active,
        to_ms(t.wanted_from) as "wantedFromMs", to_ms(t.wanted_to) as "wantedToMs",
        ranges_to_ms(settled_of(c)) as settled, ranges_to_ms(c.covered) as covered,
        ranges_to_ms(c.unconfirmed) as unconfirmed,
        (c.candle_count
          - (select count(*) from market_data m where m.series_id = t.series_id and m.time < t.wanted_from)
          - (select count(*) from market_data m where m.series_id = t.series_id and m.time >= t.wanted_to))::float8 as "storedCandles",
        to_ms(c.last_candle) as "lastCandleMs", coalesce(f.streak, 0) as streak,
        (select count(*) from backfill_state_persistent e where e.series_id = t.series_id
          and e.status in ('pending', 'in_progress'))::int as unfinished,
        (select count(*) from backfill_state_persistent e where e.series_id = t.series_id and e.status = 'failed'
          and e.replan_after > clock_timestamp())::int as failed,
        (select count(*) from backfill_state_persistent e where e.series_id = t.series_id and e.cancel_stands)::int as cancelled
      from tracked_series t join series_coverage c using (series_id)
      left join symbol_failure_tracking f using (series_id)
      order by t.provider, t.symbol, t.timeframe`,
  );
  return rows.map((row) => ({
    ...row,
    settled: parseRanges(row.settled),
    covered: parseRanges(row.covered),
    unconfirmed: parseRanges(row.unconfirmed),
  }));
}
