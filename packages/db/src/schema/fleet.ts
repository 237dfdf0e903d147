import { sql } from 'drizzle-orm';
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
import { createdAt, instant, updatedAt } from './columns.js';

/** One process a row; its lease is the proof of life of everything it holds. */
export const workers = pgTable(
  'workers',
  {
    workerId: uuid('worker_id').primaryKey(),
    host: text('host').notNull(),
    pid: integer('pid').notNull(),
    version: text('version').notNull(),
    startedAt: instant('started_at')
      .notNull()
      .default(sql`clock_timestamp()`),
    leaseUntil: instant('lease_until').notNull(),
    queues: text('queues').array().notNull().default([]),
    load: jsonb('load').notNull().default({}),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [index('workers_lease').on(t.leaseUntil)],
);

/** What a provider allows, per address that the fleet leaves by. */
export const providerBudgets = pgTable(
  'provider_budgets',
  {
    provider: text('provider').notNull(),
    egressGroup: text('egress_group').notNull(),
    tokens: doublePrecision('tokens').notNull(),
    refilledAt: instant('refilled_at').notNull(),
    banUntil: instant('ban_until'),
    /** A tail was refused; until then history leaves the last fifth alone. */
    tailWaitsUntil: instant('tail_waits_until'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [primaryKey({ columns: [t.provider, t.egressGroup] })],
);

/** A provider's market list, fetched once for the whole fleet. */
export const providerMarkets = pgTable('provider_markets', {
  provider: text('provider').primaryKey(),
  markets: jsonb('markets').notNull(),
  fetchedAt: instant('fetched_at').notNull(),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
});

/** Who did what. Append only. */
export const auditLog = pgTable(
  'audit_log',
  {
    auditId: bigint('audit_id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    actor: text('actor').notNull(),
    action: text('action').notNull(),
    subject: text('subject').notNull(),
    detail: jsonb('detail').notNull().default({}),
    createdAt: createdAt(),
  },
  (t) => [index('audit_log_subject').on(t.subject)],
);
