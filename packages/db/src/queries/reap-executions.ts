import type { Database } from '../connect.js';

/** A job that took its worker down this often is set aside as poison (DESIGN §5.11). */
const MAX_CRASHES = 3;

export interface Reaped {
  readonly executionId: string;
  readonly outcome: 'pending' | 'failed';
}

/** T8: takes back what belongs to workers whose lease ran out. Asks the queue nothing. */
export async function reapExecutions(db: Database): Promise<Reaped[]> {
  return db.run(
    'reap',
    (sql) => sql<Reaped[]>`
      select execution_id as "executionId", outcome from reap_executions(${MAX_CRASHES})`,
  );
}
