import type { Database } from '../connect.js';
import { createFaults, type DeepFinding, type Evidence } from './finding.js';
import type { Scope } from './scope.js';

interface Look {
  readonly check: string;
  readonly remedy: string;
  readonly sound: string;
  readonly broken: string;
  readonly find: (db: Database) => Promise<readonly Evidence[]>;
}

/** Transactions until Postgres must freeze or stop, of which autovacuum's own emergency begins at 200 million. */
const WORST_AGE = 1_500_000_000;

const LOOKS: readonly Look[] = [
  {
    check: 'database.indexes',
    remedy: 'A `CREATE INDEX CONCURRENTLY` or a REINDEX was broken off: `REINDEX INDEX CONCURRENTLY <name>`.',
    sound: 'every index is valid',
    broken: 'indexes are not valid',
    find: (db) =>
      db.run(
        'find invalid indexes',
        (sql) => sql<Evidence[]>`
          select i.indexrelid::regclass::text as index, i.indrelid::regclass::text as table
          from pg_index i join pg_class c on c.oid = i.indrelid
          where c.relnamespace = 'public'::regnamespace and not (i.indisvalid and i.indisready and i.indislive)
            -- One that is being built is not valid yet.
            and not exists (select 1 from pg_stat_progress_create_index p where p.index_relid = i.indexrelid)
          order by 1`,
      ),
  },
  {
    check: 'database.constraints',
    remedy:
      '`ALTER TABLE … VALIDATE CONSTRAINT …` and `ALTER TABLE … ENABLE TRIGGER …`: rows that were written meanwhile may break them, which `rows.as_declared` finds.',
    sound: 'every constraint is validated, every trigger enabled',
    broken: 'constraints or triggers are not in force',
    find: (db) =>
      db.run(
        'find constraints out of force',
        (sql) => sql<Evidence[]>`
          select conrelid::regclass::text as table, conname as name, 'not validated' as fault from pg_constraint
          where connamespace = 'public'::regnamespace and not convalidated
          union all
          select tgrelid::regclass::text, tgname, 'disabled' from pg_trigger t join pg_class c on c.oid = t.tgrelid
          where c.relnamespace = 'public'::regnamespace and tgenabled in ('D', 'R')
          order by 1, 2`,
      ),
  },
  {
    check: 'database.checksums',
    remedy:
      'Pages were read that are not as they were written: a disk, its cable or the memory is failing. Back up now, restore on another disk, and `pg_checksums --check` while the server is down.',
    sound: 'no page was read that is not as it was written',
    broken: 'databases with pages that are not as they were written',
    find: (db) =>
      db.run(
        'read checksum failures',
        (sql) => sql<Evidence[]>`
          select coalesce(datname, '(shared)') as database, checksum_failures::float8 as failures,
            checksum_last_failure::text as last from pg_stat_database
          where checksum_failures > 0 and (datname = current_database() or datid = 0) order by 1`,
      ),
  },
  {
    check: 'database.wraparound',
    remedy:
      'Old rows are not frozen in time, and Postgres stops writing at two billion. Find what holds vacuum back (a transaction or a replication slot that is days old), then `VACUUM (FREEZE)`.',
    sound: 'transaction numbers are far from used up',
    broken: 'databases are close to the end of their transaction numbers',
    find: (db) =>
      db.run(
        'read transaction ages',
        (sql) => sql<Evidence[]>`
          select datname as database, age(datfrozenxid) as age, mxid_age(datminmxid) as "multixactAge" from pg_database
          where datname = current_database() and greatest(age(datfrozenxid), mxid_age(datminmxid)) > ${WORST_AGE}`,
      ),
  },
];

/** What the server knows about the health of this database. */
export async function databaseHealth({ db, evidenceLimit }: Scope): Promise<DeepFinding[]> {
  const findings: DeepFinding[] = [];
  for (const look of LOOKS) {
    const faults = createFaults(evidenceLimit);
    for (const row of await look.find(db)) faults.add(row);
    findings.push(faults.finding(look, look));
  }
  return findings;
}
