import type { Database } from '../connect.js';

/** Makes the leading producer plan now, whatever its timers say. */
export async function wakeProducer(db: Database): Promise<void> {
  await db.run('wake producer', (sql) => sql`select pg_notify('candlefleet', 'watchlist')`);
}
