import { parseArgs } from 'node:util';
import { FAULTS } from './faults/index.js';
import type { Fault } from './faults/fault.js';
import { createRandom, type Random } from './random.js';
import { formatReport, isClean, summarize, type ChaosReport } from './report.js';
import { startRun } from './run.js';
import { openStage, type BackendName, type Stage } from './stage/stage.js';

export { FAULTS } from './faults/index.js';
export type { Fault } from './faults/fault.js';
export { strikeUp, usersHere } from './faults/up.js';
export { createRandom } from './random.js';
export { startRun, type Run } from './run.js';
export { openStage, type Stage } from './stage/stage.js';

const USAGE = `usage: npm run chaos -- [--minutes N] [--seed N] [--backend redis|postgres] [--only TEXT] [--logs FOLDER] [--json]
Breaks a fleet of real processes at random, and checks that nothing was lost, doubled or stuck.`;

const BACKENDS: readonly BackendName[] = ['redis', 'postgres'];
const SYMBOLS = 2_000;
/** The patient faults take this share of a run at most. */
const LONGEST_SHARE = 1 / 6;

interface Wishes {
  readonly minutes: number;
  readonly seed: number;
  readonly backends: readonly BackendName[];
  readonly only: string | undefined;
  readonly logs: string | undefined;
  readonly json: boolean;
}

/** Runs on each backend in turn; prints a table each, or JSON. Answers the exit code. */
export async function runChaos(args: readonly string[], hasRedis: boolean): Promise<number> {
  const wishes = readWishes(args);
  if (!wishes) {
    console.error(USAGE);
    return 2;
  }
  const reports: ChaosReport[] = [];
  for (const backend of wishes.backends) {
    if (backend === 'redis' && !hasRedis) {
      console.error('No Redis here: only the queue in Postgres is broken.');
      continue;
    }
    const report = await runOne(backend, wishes);
    reports.push(report);
    if (!wishes.json) console.log(`\n${formatReport(report)}`);
  }
  if (wishes.json) console.log(JSON.stringify(reports, undefined, 2));
  return reports.length > 0 && reports.every(isClean) ? 0 : 1;
}

function readWishes(args: readonly string[]): Wishes | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        minutes: { type: 'string', default: '10' },
        seed: { type: 'string' },
        backend: { type: 'string' },
        only: { type: 'string' },
        logs: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    const minutes = Number(values.minutes);
    const seed = Number(values.seed ?? Math.floor(Date.now() / 1_000) % 1_000_000);
    const backends = BACKENDS.filter((name) => values.backend === undefined || name === values.backend);
    if (!(minutes > 0) || !Number.isInteger(seed) || backends.length === 0) return undefined;
    return { minutes, seed, backends, only: values.only, logs: values.logs, json: values.json };
  } catch {
    return undefined;
  }
}

async function runOne(backend: BackendName, wishes: Wishes): Promise<ChaosReport> {
  const { seed, minutes } = wishes;
  const tell = (line: string) =>
    console.error(`${new Date().toISOString().slice(11, 19)} ${backend}: ${line}`);
  tell(`seed ${seed}`);
  const random = createRandom(seed);
  const at = performance.now();
  const end = at + minutes * 60_000;
  const stage = await openStage({
    backend,
    seed,
    workers: 3,
    producers: 2,
    symbols: Array.from({ length: SYMBOLS }, (_, n) => `S${n}/USDT`),
    minutes,
    logFolder: wishes.logs && `${wishes.logs}/${backend}`,
  });
  const stop = () => void stage.close().then(() => process.exit(130));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    const { faults, skipped } = chooseFaults(stage, wishes.only);
    const run = await startRun(stage, random, minutes * 60_000 * LONGEST_SHARE);
    for (const fault of drawn(faults, random)) {
      if (performance.now() > end) break;
      const { strike, recoveredMs, complaint } = await run.strike(fault);
      const how = complaint ?? `recovered in ${((recoveredMs ?? 0) / 1_000).toFixed(1)} s`;
      tell(
        `${fault.kind}${strike ? ` (${strike.what}${strike.landed ? '' : '; did not land'})` : ''}: ${how}`,
      );
    }
    tell('waiting until all is quiet, and checking');
    const { complaints, checked } = await run.finish({ isLong: true });
    for (const own of stage.processes.ownEnds) tell(`${own.name} ended by itself: ${own.how}`);
    return {
      backend,
      seed,
      minutes: (performance.now() - at) / 60_000,
      kinds: summarize(
        run.struck,
        faults.map((one) => one.kind),
      ),
      skipped,
      complaints,
      checked,
    };
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    await stage.close();
  }
}

function chooseFaults(stage: Stage, only: string | undefined) {
  const faults: Fault[] = [];
  const skipped: { kind: string; why: string }[] = [];
  for (const fault of FAULTS) {
    if (only !== undefined && !fault.kind.includes(only)) continue;
    const why = fault.cannot?.(stage);
    if (why === undefined) faults.push(fault);
    else skipped.push({ kind: fault.kind, why });
  }
  return { faults, skipped };
}

/** Each kind once in a random order; then for ever by their shares. */
function* drawn(faults: readonly Fault[], random: Random): Generator<Fault> {
  yield* random.shuffle(faults);
  const deck = faults.flatMap((fault) => Array.from({ length: fault.share }, () => fault));
  for (;;) yield random.pick(deck);
}
