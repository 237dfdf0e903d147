import { BadInputError, type Budget, type BudgetAnswer, type BudgetPolicy } from '@candlefleet/core';
import type { Database } from '../connect.js';

/** Share of the limit that may be spent at once; the rest flows in evenly (DESIGN §9: ≥ 0.95 of the limit is used). */
const CAPACITY_SHARE = 0.04;

/** The fleet's budget per provider and egress group, in Postgres. */
export function createBudget(db: Database, egressGroup: string): Budget {
  return {
    async take({ provider, policy, weight, urgent }): Promise<BudgetAnswer> {
      const { capacity, ratePerMs } = bucketOf(policy);
      if (weight > capacity) {
        throw new BadInputError(
          `One request to ${provider} weighs ${weight}, more than its budget ever holds at once (${capacity}): raise the limit.`,
        );
      }
      const [row] = await db.run(
        'budget',
        (sql) => sql<{ granted: boolean; reason: 'exhausted' | 'banned'; waitMs: number }[]>`
          select granted, reason, wait_ms as "waitMs" from take_budget(${provider}, ${egressGroup}, ${weight}, ${capacity},
            ${ratePerMs}, ${urgent})`,
      );
      if (row?.granted) return { granted: true };
      return { granted: false, reason: row?.reason ?? 'exhausted', waitMs: row?.waitMs ?? 1_000 };
    },
    async correct(provider, policy, usedWeight) {
      const { capacity, ratePerMs } = bucketOf(policy);
      const left = Math.max(0, policy.limit - usedWeight);
      // The bucket never holds more than its capacity: most answers need no statement.
      if (left >= capacity) return;
      await db.run(
        'correct budget',
        (sql) => sql`
          update provider_budgets set refilled_at = clock_timestamp(),
            tokens = least(${left}, tokens + greatest(0, to_ms(clock_timestamp()) - to_ms(refilled_at)) * ${ratePerMs}::float8)
          where provider = ${provider} and egress_group = ${egressGroup}`,
      );
    },
    async ban(provider, durationMs) {
      await db.run('ban', (sql) => sql`select ban_provider(${provider}, ${egressGroup}, ${durationMs})`);
    },
  };
}

/** capacity + rate × window = limit, so that no sliding window can exceed the limit. */
function bucketOf({ limit, windowMs, burst }: BudgetPolicy): { capacity: number; ratePerMs: number } {
  const capacity = Math.min(limit, burst ?? limit * CAPACITY_SHARE);
  return { capacity, ratePerMs: (limit - capacity) / windowMs };
}
