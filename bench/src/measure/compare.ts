import { busyCores } from './busy-cores.js';
import { spreadOf } from './spread.js';
import type { Bound, Measured } from './report.js';

export interface Contender {
  readonly name: string;
  /** Of its ratio to the baseline. */
  readonly budget?: Bound | undefined;
  /** Prepares, then measures once. Answers units a second; preparing is not in it. */
  run(): Promise<number>;
}

export interface Comparison {
  readonly baseline: Measured;
  readonly candidates: Measured[];
}

/** A round is marked when others kept more than this many cores busy just before one of its measurements. */
export const BUSY_CORES = 0.3;

interface Taken {
  readonly perSecond: number;
  readonly isBusy: boolean;
}

/**
 * Measures candidates between two measurements of the baseline each (baseline, candidate, baseline, next candidate …),
 * again and again; a ratio is to the mean of the two. The first round warms up and is not counted.
 */
export async function compare(options: {
  baseline: Contender;
  candidates: readonly Contender[];
  rounds: number;
  tell: (line: string) => void;
}): Promise<Comparison> {
  const { baseline, candidates, rounds, tell } = options;
  const baselines: number[] = [];
  const taken = candidates.map((contender) => ({
    contender,
    amounts: [] as number[],
    ratios: [] as number[],
    busyRounds: 0,
  }));
  let before = await take(baseline);
  for (let round = 0; round <= rounds; round += 1) {
    for (const one of taken) {
      const mine = await take(one.contender);
      const after = await take(baseline);
      const ratio = mine.perSecond / ((before.perSecond + after.perSecond) / 2);
      const isBusy = before.isBusy || mine.isBusy || after.isBusy;
      before = after;
      tell(
        `${round === 0 ? 'warm-up' : `round ${round}`}: ${one.contender.name} ${ratio.toFixed(2)}${isBusy ? ' (busy)' : ''}`,
      );
      if (round === 0) continue;
      baselines.push(after.perSecond);
      one.amounts.push(mine.perSecond);
      one.ratios.push(ratio);
      one.busyRounds += isBusy ? 1 : 0;
    }
  }
  return {
    baseline: { name: baseline.name, amount: spreadOf(baselines) },
    candidates: taken.map(({ contender, amounts, ratios, busyRounds }) => ({
      name: contender.name,
      amount: spreadOf(amounts),
      ratio: spreadOf(ratios),
      rounds: ratios.map((ratio) => Math.round(ratio * 1_000) / 1_000),
      budget: contender.budget,
      busyRounds,
    })),
  };
}

async function take(contender: Contender): Promise<Taken> {
  const isBusy = (await busyCores()) > BUSY_CORES;
  return { perSecond: await contender.run(), isBusy };
}
