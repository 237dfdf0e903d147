import { accessSync, constants, mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { asFleetError, BadInputError } from '@candlefleet/core';
import { ownFolder } from '@candlefleet/db';
import type { CommandContext } from '../commands/context.js';
import type { Settings } from '../environment.js';
import { readFaults } from '../roles/run-replay.js';
import { removeRunFile, writeRunFile } from './run-file.js';
import { showProgress } from './show-progress.js';
import { readFlags, type SourceChoice } from './source-choice.js';
import { startFleet, type RunningFleet, type UpFlags } from './start-fleet.js';
import { stopSignal, whenStopped } from './stop-signal.js';
import { createSupervisor, type Supervisor } from './supervise.js';

const PROGRAM = fileURLToPath(new URL('../main.js', import.meta.url));
/** On top of what the roles allow themselves, before they are killed. */
const PATIENCE_MS = 5_000;

/**
 * The whole fleet on this machine: embedded Postgres (or DATABASE_URL), migrations, a watchlist when there is none,
 * and producer, workers and dashboard as separate supervised processes. Answers the exit code, after Ctrl-C.
 */
export async function up(context: CommandContext, flags: UpFlags): Promise<number> {
  const { settings, output } = context;
  const startedAt = performance.now();
  refuseMistakes(flags);
  makeFolder(settings.dataDir);
  const owned = ownFolder(settings.dataDir);
  // One that was killed has left it.
  removeRunFile(settings.dataDir);
  const stop = stopSignal();
  const logs = path.join(settings.dataDir, 'logs');
  const supervisor = createSupervisor(PROGRAM, logs, (line) => output.note(line), {
    endMs: settings.shutdownMs + PATIENCE_MS,
  });
  const closers: (() => unknown)[] = [];
  let isClean = false;
  try {
    const fleet = await startFleet({
      context,
      flags,
      stop,
      supervisor,
      onClose: (close) => closers.push(close),
    });
    announce(context, fleet, logs, performance.now() - startedAt);
    await showProgress(output, fleet.db, whenStopped(stop));
  } catch (thrown) {
    // What breaks because of a stop that was asked for is no failure.
    if (!stop.aborted) throw thrown;
  } finally {
    if (stop.aborted) output.note('\nStopping: chunks in hand are finished, the rest is handed back.');
    isClean = await endProcesses(settings, supervisor);
    for (const close of closers.toReversed()) {
      try {
        await close();
      } catch (thrown) {
        output.note(asFleetError(thrown).message);
      }
    }
    removeRunFile(settings.dataDir);
    owned.release();
  }
  output.note(isClean ? 'Stopped.' : 'Stopped, but not everything ended by itself: see the logs.');
  return isClean ? 0 : 1;
}

/** Before anything is started. @throws BadInputError */
function refuseMistakes(flags: UpFlags): void {
  readFlags(flags);
  readFaults({ ...flags, seed: 1 });
}

function makeFolder(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true });
    accessSync(dataDir, constants.W_OK);
  } catch (cause) {
    throw new BadInputError(
      `The data folder ${dataDir} cannot be written (${asFleetError(cause).message}). Name another one with --data-dir.`,
      cause,
    );
  }
}

function announce({ settings, output }: CommandContext, fleet: RunningFleet, logs: string, tookMs: number) {
  const { databaseUrl, dashboardUrl, replayUrl, choice } = fleet;
  writeRunFile(settings.dataDir, {
    pid: process.pid,
    startedAt: new Date().toISOString(),
    databaseUrl,
    directUrl: settings.databaseDirectUrl,
    redisUrl: settings.redisUrl,
    dashboardUrl,
    replayUrl,
    logs,
  });
  output.value({ ready: true, pid: process.pid, dashboardUrl, replayUrl: replayUrl ?? null, logs });
  output.line(`candlefleet is ready (${(tookMs / 1_000).toFixed(1)} s). Ctrl-C ends it.`);
  output.line(`  Dashboard: ${dashboardUrl}/queues`);
  output.line(`  Source:    ${describe(choice)}${replayUrl ? ` at ${replayUrl}` : ''}`);
  output.line(`  Logs:      ${logs}`);
  output.line('  Look:      npx candlefleet status');
}

function describe(choice: SourceChoice): string {
  if (choice.source === 'live') return `${choice.provider}, live`;
  return choice.recordings
    ? `the recordings of ${choice.recordings}, replayed`
    : 'a simulated market (its candles are made up)';
}

/** Those who work first, then what they stand on. Answers whether all ended by themselves. */
async function endProcesses(settings: Settings, supervisor: Supervisor): Promise<boolean> {
  const deadlineMs = settings.shutdownMs + PATIENCE_MS;
  const workers = supervisor.names.filter((name) => name !== 'replay');
  const areClean = await supervisor.stop(workers, deadlineMs);
  const isReplayClean = await supervisor.stop(supervisor.names, deadlineMs);
  return areClean && isReplayClean;
}
