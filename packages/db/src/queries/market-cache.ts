import type { MarketCache } from '@candlefleet/core';
import type { Database } from '../connect.js';

/** Providers' market lists in Postgres, shared by the fleet. */
export function createMarketCache(db: Database): MarketCache {
  return {
    async read(provider) {
      const [row] = await db.run(
        'read markets',
        (sql) => sql<{ markets: unknown; ageMs: number }[]>`
          select markets, to_ms(clock_timestamp()) - to_ms(fetched_at) as "ageMs" from provider_markets
          where provider = ${provider}`,
      );
      return row;
    },
    async write(provider, markets) {
      await db.run(
        'write markets',
        (sql) => sql`
          insert into provider_markets (provider, markets, fetched_at)
          values (${provider}, ${JSON.stringify(markets)}::text::jsonb, clock_timestamp())
          on conflict (provider) do update set markets = excluded.markets, fetched_at = excluded.fetched_at`,
      );
    },
  };
}
