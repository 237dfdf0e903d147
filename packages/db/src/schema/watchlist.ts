import { sql } from 'drizzle-orm';
import { boolean, check, integer, jsonb, pgTable, primaryKey, text, unique } from 'drizzle-orm/pg-core';
import { createdAt, instant, tstzmultirange, tstzrange, updatedAt } from './columns.js';

/** The watchlist. A trigger keeps `series` in step and cancels the work of what is paused or removed. */
export const trackedSymbols = pgTable(
  'tracked_symbols',
  {
    trackedSymbolId: integer('tracked_symbol_id').primaryKey().generatedAlwaysAsIdentity(),
    provider: text('provider').notNull(),
    symbol: text('symbol').notNull(),
    assetClass: text('asset_class').notNull(),
    timeframes: text('timeframes').array().notNull(),
    calendar: text('calendar').notNull(),
    listedAt: instant('listed_at'),
    delistedAt: instant('delisted_at'),
    active: boolean('active').notNull().default(true),
    /** `{"everyMs": …}` in place of the timeframe's own cadence. */
    scheduleOverride: jsonb('schedule_override'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [
    unique('tracked_symbols_provider_symbol').on(t.provider, t.symbol),
    check('tracked_symbols_timeframes', sql`cardinality(${t.timeframes}) > 0`),
    check('tracked_symbols_asset_class', sql`${t.assetClass} in ('crypto', 'equity', 'fx')`),
  ],
);

/** One provider + symbol + timeframe. Outlives the watchlist's row: its candles stay. */
export const series = pgTable(
  'series',
  {
    seriesId: integer('series_id').primaryKey().generatedAlwaysAsIdentity(),
    provider: text('provider').notNull(),
    symbol: text('symbol').notNull(),
    timeframe: text('timeframe').notNull(),
    /** The host that its first candle came from; candles from another are refused. */
    origin: text('origin'),
    historyStart: instant('history_start'),
    historyEnd: instant('history_end'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [
    unique('series_provider_symbol_timeframe').on(t.provider, t.symbol, t.timeframe),
    check('series_history', sql`${t.historyStart} < ${t.historyEnd}`),
  ],
);

/** What is proven about a series. One narrow row, updated in place (HOT) by every chunk. */
export const seriesCoverage = pgTable(
  'series_coverage',
  {
    seriesId: integer('series_id')
      .primaryKey()
      .references(() => series.seriesId, { onDelete: 'cascade' }),
    covered: tstzmultirange('covered').notNull().default('{}'),
    /** The union of the series' rows in unconfirmed_ranges: most series have none, and need not look there. */
    unconfirmed: tstzmultirange('unconfirmed').notNull().default('{}'),
    unavailable: tstzmultirange('unavailable').notNull().default('{}'),
    lastCandle: instant('last_candle'),
    candleCount: integer('candle_count').notNull().default(0),
    qualityWatermark: instant('quality_watermark'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [check('series_coverage_apart', sql`not ${t.covered} && ${t.unconfirmed}`)],
);

/** What a provider did not show although the calendar expects it, and two answers did not agree on. */
export const unconfirmedRanges = pgTable(
  'unconfirmed_ranges',
  {
    seriesId: integer('series_id')
      .notNull()
      .references(() => series.seriesId, { onDelete: 'cascade' }),
    range: tstzrange('range').notNull(),
    /** How often it was asked in vain. */
    asks: integer('asks').notNull(),
    /** When it is next asked. */
    dueAt: instant('due_at').notNull(),
    createdAt: createdAt(),
  },
  (t) => [primaryKey({ columns: [t.seriesId, t.range] })],
);
