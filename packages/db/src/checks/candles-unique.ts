import type { DeepFinding, Evidence } from './finding.js';
import { idsOf, type Scope } from './scope.js';

const RULE = {
  check: 'candles.unique',
  remedy:
    'The key of market_data does not hold: the index is broken, or was dropped. Compare the rows, delete the wrong ones by their ctid, then `REINDEX TABLE CONCURRENTLY market_data`. After an upgrade of the operating system or a bad disk, check every index with `pg_amcheck --heapallindexed`.',
};

/** Pages of 8 kB in one statement: about 350,000 candles. */
const PAGES = 4_096;

interface Row {
  read: number;
  doubled: number;
  shown: Evidence[];
}

/**
 * No series has an open time twice. Rows are read where they lie, and each is looked up by its key: the index must lead
 * to this row and to no other, so a row that the index forgot is found as well.
 */
export async function candlesUnique(scope: Scope): Promise<DeepFinding> {
  const faults = scope.faults();
  const pages = await countPages(scope);
  for (let page = 0; page < pages; page += PAGES) {
    const row = await lookUp(scope, page);
    for (const one of row.shown) faults.add(one);
    faults.addMore(row.doubled - row.shown.length);
    scope.tell('key of candles', row.read);
  }
  return faults.finding(RULE, {
    sound: 'every candle is there once, and its key leads to it',
    broken: 'rows that are there twice, or that their key does not lead to',
  });
}

async function countPages({ db }: Scope): Promise<number> {
  const [row] = await db.run(
    'count pages',
    (sql) => sql<{ pages: number }[]>`
      select (pg_relation_size('market_data') / current_setting('block_size')::int)::float8 as pages`,
  );
  return row?.pages ?? 0;
}

async function lookUp(scope: Scope, page: number): Promise<Row> {
  const ids = idsOf(scope);
  const [row] = await scope.db.run(
    'look candles up by their key',
    // The subquery is correlated, so that it is looked up row by row; as a join it might be hashed from the table itself.
    (sql) => sql<Row[]>`
      with here as materialized (
        select m.ctid, m.series_id, m.time,
          (select array_agg(i.ctid) from market_data i where i.series_id = m.series_id and i.time = m.time) as found
        from market_data m
        where m.ctid >= ${`(${page},0)`}::tid and m.ctid < ${`(${page + PAGES},0)`}::tid
          and (${ids}::int[] is null or m.series_id = any (${ids}::int[]))
      ), doubled as (
        select * from here where found is distinct from array[ctid]
      )
      select (select count(*) from here)::float8 as read, (select count(*) from doubled)::float8 as doubled,
        (select coalesce(jsonb_agg(to_jsonb(d)), '[]') from (
          select series_id as "seriesId", time::text, ctid::text, found::text as "byKey" from doubled
          order by series_id, time limit ${scope.evidenceLimit}) d) as shown`,
  );
  return row ?? { read: 0, doubled: 0, shown: [] };
}
