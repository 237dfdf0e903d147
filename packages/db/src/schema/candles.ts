import {
  bigint,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uuid,
} from 'drizzle-orm/pg-core';
import { createdAt, instant } from './columns.js';

/**
 * The candles. No foreign key (a lookup per row on the write path) and no updated_at: what changed, and when, is
 * in candle_revisions.
 */
export const marketData = pgTable(
  'market_data',
  {
    seriesId: integer('series_id').notNull(),
    time: instant('time').notNull(),
    open: doublePrecision('open').notNull(),
    high: doublePrecision('high').notNull(),
    low: doublePrecision('low').notNull(),
    close: doublePrecision('close').notNull(),
    volume: doublePrecision('volume').notNull(),
    createdAt: createdAt(),
  },
  (t) => [primaryKey({ columns: [t.seriesId, t.time] })],
);

/** What a provider sent and we refused, raw, with the reason. */
export const rejectedCandles = pgTable(
  'rejected_candles',
  {
    rejectedId: bigint('rejected_id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    seriesId: integer('series_id').notNull(),
    executionId: uuid('execution_id').notNull(),
    /** As sent: may be off the grid. Null where the time itself made no sense. */
    time: instant('time'),
    raw: jsonb('raw').notNull(),
    reason: text('reason').notNull(),
    createdAt: createdAt(),
  },
  (t) => [index('rejected_candles_series').on(t.seriesId, t.createdAt)],
);

/** What changed about a candle already stored. */
export const candleRevisions = pgTable(
  'candle_revisions',
  {
    revisionId: bigint('revision_id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    seriesId: integer('series_id').notNull(),
    time: instant('time').notNull(),
    executionId: uuid('execution_id').notNull(),
    oldOpen: doublePrecision('old_open').notNull(),
    oldHigh: doublePrecision('old_high').notNull(),
    oldLow: doublePrecision('old_low').notNull(),
    oldClose: doublePrecision('old_close').notNull(),
    oldVolume: doublePrecision('old_volume').notNull(),
    newOpen: doublePrecision('new_open').notNull(),
    newHigh: doublePrecision('new_high').notNull(),
    newLow: doublePrecision('new_low').notNull(),
    newClose: doublePrecision('new_close').notNull(),
    newVolume: doublePrecision('new_volume').notNull(),
    createdAt: createdAt(),
  },
  (t) => [index('candle_revisions_series_time').on(t.seriesId, t.time)],
);
