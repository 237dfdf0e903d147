import { runDeepChecks } from '@candlefleet/db';
import { providerTraits } from '@candlefleet/providers';
import type { Stage } from '../stage/stage.js';

/** The rules that need no truth, as `candlefleet doctor --deep` checks them. Answers how many there are. */
export async function checkOwnRules({ db }: Stage): Promise<{ rules: number; complaints: string[] }> {
  const findings = await runDeepChecks(db, { traitsOf: providerTraits });
  const complaints = findings
    .filter((one) => !one.ok)
    .map(({ check, found, evidence }) => `${check}: ${found}; ${JSON.stringify(evidence)}`);
  return { rules: findings.length, complaints };
}
