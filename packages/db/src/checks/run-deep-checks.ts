import type { Database } from '../connect.js';
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

/** The short ones first: a long walk should not keep them from being told when it breaks off. */
const RULES: readonly ((scope: Scope) => Promise<DeepFinding | DeepFinding[]>)[] = [
  databaseHealth,
  rowsAsDeclared,
  executionsHeld,
  executionsMoving,
  executionsFences,
  executionsCounters,
  executionsSettled,
  seriesPlanned,
  coverageExact,
  walkCandles,
  candlesUnique,
];

/**
 * Checks what must be true of a warehouse whatever its providers say: no rule needs to know what is right. Reads all
 * candles twice, in bounded statements, each judged by its own snapshot: a fleet may be at work meanwhile. Changes nothing.
 * @throws DatabaseError, DatabaseSilentError
 */
export async function runDeepChecks(db: Database, options: DeepCheckOptions): Promise<DeepFinding[]> {
  const scope = await openScope(db, options);
  const findings: DeepFinding[] = [];
  for (const rule of RULES) findings.push(...[await rule(scope)].flat());
  return findings;
}
