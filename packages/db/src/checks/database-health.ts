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
];

/** What guards the tables is in force. */
export async function databaseHealth({ db, evidenceLimit }: Scope): Promise<DeepFinding[]> {
  const findings: DeepFinding[] = [];
  for (const look of LOOKS) {
    const faults = createFaults(evidenceLimit);
    for (const row of await look.find(db)) faults.add(row);
    findings.push(faults.finding(look, look));
  }
  return findings;
}
