import { waitUntil } from '@candlefleet/testing';
import { compareDashboard } from './check/dashboard.js';
import { checkOwnRules } from './check/own-rules.js';
import { compareFootprint, footprint } from './check/processes.js';
import { waitForFreshCandles, waitForQuiet } from './check/quiet.js';
import { checkSchedulers } from './check/schedulers.js';
import { compareWithTruth } from './check/truth.js';
import { BrokenPromiseError, type Fault, type Scene } from './faults/fault.js';
import type { Random } from './random.js';
import type { Struck } from './report.js';
import { startLoad, type Load } from './stage/load.js';
import type { Stage } from './stage/stage.js';
import { recovery, someWork } from './stage/watch.js';

/** How long the fleet may take to go on, once what was broken is whole. */
const RECOVERY_DEADLINE_MS = 90_000;

export interface Run {
  readonly scene: Scene;
  readonly struck: readonly Struck[];
  /** Strikes, waits until the fleet has recovered, and notes both. Never throws. */
  strike(fault: Fault): Promise<Struck>;
  /**
   * Ends the load, waits until all is quiet, and checks everything. A long check waits a minute for slots to come, and
   * another for idle connections to go.
   */
  finish(options: { isLong: boolean }): Promise<{ complaints: string[]; checked: string[] }>;
}

export async function startRun(stage: Stage, random: Random, longestMs: number): Promise<Run> {
  const load: Load = await startLoad(stage, random);
  const scene: Scene = { stage, load, random, longestMs };
  const struck: Struck[] = [];
  await someWork(stage);
  await recovery(stage, RECOVERY_DEADLINE_MS);
  const before = await footprint(stage);

  async function strikeOnce(fault: Fault): Promise<Struck> {
    const { kind } = fault;
    try {
      const strike = await fault.strike(scene);
      return { kind, strike, recoveredMs: await recovery(stage, RECOVERY_DEADLINE_MS) };
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      return { kind, complaint: error instanceof BrokenPromiseError ? what : `${kind}: ${what}` };
    }
  }

  return {
    scene,
    struck,
    async strike(fault) {
      const one = await strikeOnce(fault);
      struck.push(one);
      return one;
    },
    async finish({ isLong }) {
      const complaints: string[] = struck.flatMap((one) => one.complaint ?? []);
      const checked: string[] = [];
      const note = async (what: () => Promise<{ complaints: string[]; checked: string }>) => {
        try {
          const found = await what();
          complaints.push(...found.complaints);
          checked.push(found.checked);
        } catch (error) {
          complaints.push(error instanceof Error ? error.message : String(error));
        }
      };
      await load.endHistory();
      await note(async () => {
        const wrong = await checkSchedulers(stage, load);
        if (isLong) await waitForFreshCandles(stage, load);
        const how = isLong ? 'fires again' : 'has its next job';
        return {
          complaints: wrong,
          checked: `one scheduler for each of ${load.live.length} live series, and each ${how}`,
        };
      });
      await load.end();
      await note(async () => {
        const { retried } = await waitForQuiet(stage, load);
        return {
          complaints: [],
          checked: `nothing unfinished; ${retried} visibly failed, and were run again`,
        };
      });
      await note(async () => {
        const { series, candles, provisional, complaints: wrong } = await compareWithTruth(stage);
        return {
          complaints: wrong,
          checked: `${candles.toLocaleString('en-US')} candles of ${series} series, row by row and by checksum; ${provisional} as the provider first told them`,
        };
      });
      await note(async () => {
        const { rules, complaints: wrong } = await checkOwnRules(stage);
        return { complaints: wrong, checked: `${rules} rules that need no truth, as doctor --deep has them` };
      });
      await note(async () => {
        const seen = await stage.control.requests();
        const wrong: string[] = [];
        if (seen.largestWindowWeight > seen.weightLimit)
          wrong.push(`${seen.largestWindowWeight} of weight in 60 s, and ${seen.weightLimit} are allowed`);
        if (seen.inBan > 0) wrong.push(`${seen.inBan} requests during a ban`);
        return {
          complaints: wrong,
          checked: `${seen.total} requests; ${seen.largestWindowWeight} of ${seen.weightLimit} in any 60 s; none in ${seen.bans.length} bans`,
        };
      });
      await note(async () => ({
        complaints: await compareDashboard(stage),
        checked: 'the dashboard counts what the store holds',
      }));
      if (isLong)
        await note(async () => {
          let after = await footprint(stage);
          // Idle connections are closed after a minute.
          await waitUntil(
            'connections to be given back',
            async () => compareFootprint(before, (after = await footprint(stage))).length === 0,
            70_000,
          ).catch(() => {});
          return {
            complaints: compareFootprint(before, after),
            checked: `${after.connections} connections to Postgres (${before.connections} at the start), most memory ${Math.max(...after.rssMb.values())} MB`,
          };
        });
      return { complaints, checked };
    },
  };
}
