/** A row that breaks a rule, with what a person needs to find it again. */
export type Evidence = Readonly<Record<string, string | number | boolean | null>>;

/** What a rule found. */
export interface DeepFinding {
  /** The rule's name, such as `candles.proven`. */
  readonly check: string;
  readonly ok: boolean;
  readonly found: string;
  /** Some of what breaks the rule, not all of it. */
  readonly evidence: readonly Evidence[];
  readonly remedy: string;
}

/** Counts what breaks a rule, and keeps the first few. */
export interface Faults {
  readonly count: number;
  add(evidence: Evidence): void;
  /** Further ones of which no evidence is at hand. */
  addMore(count: number): void;
  /** `sound` is told when there are none, `broken` after their number. */
  finding(rule: RuleName, told: { sound: string; broken: string }): DeepFinding;
}

export interface RuleName {
  readonly check: string;
  readonly remedy: string;
}

export function createFaults(evidenceLimit: number): Faults {
  const evidence: Evidence[] = [];
  let count = 0;
  return {
    get count() {
      return count;
    },
    add(one) {
      count += 1;
      if (evidence.length < evidenceLimit) evidence.push(one);
    },
    addMore(more) {
      count += more;
    },
    finding: ({ check, remedy }, { sound, broken }) => ({
      check,
      ok: count === 0,
      found: count === 0 ? sound : `${count} ${broken}`,
      evidence,
      remedy,
    }),
  };
}
