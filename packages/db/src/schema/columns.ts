import { sql } from 'drizzle-orm';
import { customType, timestamp } from 'drizzle-orm/pg-core';

/** A range of instants, half-open. Read and written as Postgres text. */
export const tstzrange = customType<{ data: string }>({ dataType: () => 'tstzrange' });

/** Disjoint ranges of instants. Read and written as Postgres text. */
export const tstzmultirange = customType<{ data: string }>({ dataType: () => 'tstzmultirange' });

export const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'string' });

export const createdAt = () =>
  instant('created_at')
    .notNull()
    .default(sql`clock_timestamp()`);

/** Kept by a trigger (see the hand-written migration), so that SQL by hand keeps it too. */
export const updatedAt = () =>
  instant('updated_at')
    .notNull()
    .default(sql`clock_timestamp()`);
