import type { Fault, FaultKind, FaultPlan } from './fault-plan.js';
import { hashUnit } from './hash.js';

/** A request for candles, by its number since the server started. */
interface Asked {
  readonly number: number;
  readonly symbol: string;
  readonly timeframe: string;
}

/** Faults that strike one request: at most one of a kind counts. */
export interface Struck {
  of<K extends FaultKind>(kind: K): Extract<Fault, { kind: K }> | undefined;
}

export interface FaultDie {
  readonly plan: FaultPlan;
  /** How often each fault of the plan struck, in the plan's order. */
  readonly struck: readonly number[];
  /** How often each kind struck since the server started, under this plan and earlier ones. */
  readonly struckSinceStart: Readonly<Partial<Record<FaultKind, number>>>;
  roll(asked: Asked): Struck;
  /** From the next request on, another plan. */
  replace(plan: FaultPlan): void;
}

/** Decides by seed and number which faults strike a request. */
export function createFaultDie(first: FaultPlan): FaultDie {
  let plan = first;
  let struck = plan.faults.map(() => 0);
  const since: Partial<Record<FaultKind, number>> = {};

  function strikes(fault: Fault, index: number, asked: Asked): boolean {
    if (fault.symbol !== undefined && fault.symbol !== asked.symbol) return false;
    if (fault.timeframe !== undefined && fault.timeframe !== asked.timeframe) return false;
    const before = struck[index] ?? 0;
    if (fault.times !== undefined && before >= fault.times) return false;
    if (hashUnit(plan.seed * 1_000 + index, asked.number) >= fault.rate) return false;
    struck[index] = before + 1;
    since[fault.kind] = (since[fault.kind] ?? 0) + 1;
    return true;
  }

  return {
    get plan() {
      return plan;
    },
    get struck() {
      return struck;
    },
    struckSinceStart: since,
    roll(asked) {
      const faults = plan.faults.filter((fault, index) => strikes(fault, index, asked));
      return {
        of: <K extends FaultKind>(kind: K) =>
          faults.find((one): one is Extract<Fault, { kind: K }> => one.kind === kind),
      };
    },
    replace(next) {
      plan = next;
      struck = plan.faults.map(() => 0);
    },
  };
}
