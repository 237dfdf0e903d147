import type { Database } from '../connect.js';
import { DatabaseError } from '../errors.js';
import { candlesUnique } from './candles-unique.js';
import { coverageExact } from './coverage-exact.js';
import { databaseHealth } from './database-health.js';
import { executionsCounters } from './executions-counters.js';
import { executionsFences } from './executions-fences.js';
import { executionsHeld } from './executions-held.js';
import { executionsMoving } from './executions-moving.js';
import { executionsSettled } from './executions-settled.js';
import type { DeepFinding } from './finding.js';
import { rowsAsDeclared } from './rows-as-declared.js';
import { openScope, type DeepCheckOptions, type Scope } from './scope.js';
import { seriesPlanned } from './series-planned.js';
import { walkCandles } from './walk-candles.js';

/** The short ones first, so that they are told soonest. */
const RULES: Readonly<Record<string, (scope: Scope) => Promise<DeepFinding | DeepFinding[]>>> = {
  database: databaseHealth,
  'rows.as_declared': rowsAsDeclared,
  'executions.held': executionsHeld,
  'executions.moving': executionsMoving,
  'executions.fences': executionsFences,
  'executions.counters': executionsCounters,
  'executions.settled': executionsSettled,
  'series.planned': seriesPlanned,
  coverage: coverageExact,
  candles: walkCandles,
  'candles.unique': candlesUnique,
};

/** Statement and lock timeouts. */
const TIMEOUTS = new Set(['57014', '55P03']);

/**
 * Checks what must be true of a warehouse whatever its providers say: no rule needs to know what is right. Reads all
 * candles twice, in bounded statements, each judged by its own snapshot: a fleet may be at work meanwhile. Changes nothing.
 * A rule that the server gave up on is told as not checked.
 * @throws DatabaseError, DatabaseSilentError
 */
export async function runDeepChecks(db: Database, options: DeepCheckOptions): Promise<DeepFinding[]> {
  const scope = await openScope(db, options);
  const findings: DeepFinding[] = [];
  for (const [name, rule] of Object.entries(RULES)) {
    try {
      findings.push(...[await rule(scope)].flat());
    } catch (thrown) {
      if (!(thrown instanceof DatabaseError) || !TIMEOUTS.has(thrown.sqlState ?? '')) throw thrown;
      findings.push(notChecked(name, thrown));
    }
  }
  return findings;
}

function notChecked(check: string, { message }: DatabaseError): DeepFinding {
  return {
    check,
    ok: false,
    found: `not checked: ${message}`,
    evidence: [],
    remedy:
      'The server took too long: check again when it has less to do, or a part with --provider or --symbol. If it stays so, something holds a lock: `select * from pg_stat_activity` tells who.',
  };
}
