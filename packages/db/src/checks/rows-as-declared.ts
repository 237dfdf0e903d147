import { is, sql } from 'drizzle-orm';
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core';
import { DatabaseError } from '../errors.js';
import * as schema from '../schema/index.js';
import type { DeepFinding, Evidence } from './finding.js';
import type { Scope } from './scope.js';

const RULE = {
  check: 'rows.as_declared',
  remedy:
    'These rows are impossible by the schema: a constraint was dropped, or not yet validated, when they were written. Mend the rows, then `ALTER TABLE … VALIDATE CONSTRAINT …`, or add it again as packages/db/drizzle has it.',
};

/** Every row is as the constraints of the schema say, whether the constraints are there or not. */
export async function rowsAsDeclared(scope: Scope): Promise<DeepFinding> {
  const faults = scope.faults();
  for (const table of Object.values(schema).filter((one) => is(one, PgTable))) {
    const { name: tableName, checks } = getTableConfig(table);
    for (const { name, value } of checks) {
      const count = await countBroken(scope, table, value);
      if (count > 0) faults.add({ table: tableName, constraint: name, rows: count });
    }
  }
  for (const twice of await findHeldTwice(scope)) faults.add(twice);
  return faults.finding(RULE, {
    sound: 'every row is as the schema says',
    broken: 'constraints of the schema do not hold',
  });
}

async function countBroken(
  { db }: Scope,
  table: PgTable,
  condition: ReturnType<typeof getTableConfig>['checks'][number]['value'],
): Promise<number> {
  try {
    return await db.orm.$count(table, sql`not (${condition})`);
  } catch (thrown) {
    throw new DatabaseError('count rows against the schema', thrown);
  }
}

/** The exclusion constraint, which Drizzle does not know: nobody holds a stretch that another one holds. */
function findHeldTwice({ db }: Scope): Promise<readonly Evidence[]> {
  return db.run(
    'find stretches held twice',
    (q) => q<Evidence[]>`
      select 'bsp_one_holder' as "constraint", a.execution_id as "executionId", b.execution_id as "otherId"
      from backfill_state_persistent a join backfill_state_persistent b
        on b.series_id = a.series_id and b.execution_id > a.execution_id and b.range && a.range
      where a.status = 'in_progress' and b.status = 'in_progress'`,
  );
}
