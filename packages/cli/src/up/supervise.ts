import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { BadInputError } from '@candlefleet/core';
import { z } from 'zod';
import { EXIT } from '../errors.js';
import { lastLines, lastWords, logEnd, openLog } from './logs.js';
import { watchHealth } from './watch-health.js';

export interface ChildSpec {
  /** Its log's name: `worker-1`. */
  readonly name: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

export interface Supervisor {
  /**
   * Starts a process and keeps it up; resolves with what it told when it was ready for the first time.
   * @throws BadInputError when it refuses what it was told
   */
  start(spec: ChildSpec): Promise<Record<string, unknown>>;
  /** Ends processes by SIGTERM, and by SIGKILL after the deadline. Answers whether all ended by themselves with 0. */
  stop(names: readonly string[], deadlineMs: number): Promise<boolean>;
  readonly names: readonly string[];
  /** Those that were never ready yet, each with the last line of its log. */
  readonly starting: readonly { name: string; lastWords: string }[];
}

export interface SupervisorTimings {
  /** How often a process is asked for its health, and how long its answer is awaited. */
  readonly askMs: number;
  readonly answerMs: number;
  /** What one that is not well may take to end. */
  readonly endMs: number;
}

const TIMINGS: SupervisorTimings = { askMs: 2_000, answerMs: 10_000, endMs: 30_000 };
const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 30_000;
/** Up for this long: what happened before is forgiven. */
const STEADY_MS = 60_000;

interface Kept {
  readonly spec: ChildSpec;
  readonly log: string;
  /** Where its log stood when it was launched. */
  logFrom: number;
  child: ChildProcess;
  startedAt: number;
  deaths: number;
  isStopping: boolean;
  /** Ends the watch of its health. */
  unwatch: () => void;
  timer: NodeJS.Timeout | undefined;
  /** Who waits for it to be ready for the first time; a restart before that keeps them waiting. */
  waiting: { resolve(told: Record<string, unknown>): void; reject(error: Error): void } | undefined;
}

/** What a process tells when it is ready. */
const toldSchema = z.looseObject({ probes: z.string().optional() });

/**
 * Separate processes with their logs in a folder. One that dies is restarted, with backoff, saying so; one that says it
 * is not well, or says nothing any more, is ended first.
 */
export function createSupervisor(
  program: string,
  logFolder: string,
  tell: (line: string) => void,
  timings: Partial<SupervisorTimings> = {},
): Supervisor {
  const { askMs: everyMs, answerMs, endMs } = { ...TIMINGS, ...timings };
  mkdirSync(logFolder, { recursive: true });
  const kept = new Map<string, Kept>();

  function watch(one: Kept): void {
    const { child, spec } = one;
    child.on('message', (message) => {
      const told = toldSchema.parse(message);
      one.waiting?.resolve(told);
      one.waiting = undefined;
      one.unwatch();
      if (told.probes)
        one.unwatch = watchHealth(told.probes, { everyMs, answerMs, onSick: (why) => endSick(one, why) });
    });
    // A process that could not even be started has no exit.
    child.once('error', (error) => {
      if (child.pid === undefined) died(one, error.message);
    });
    child.once('exit', (code, signal) => {
      one.unwatch();
      if (one.isStopping) return;
      const why = signal ?? `exit code ${code}`;
      if (code !== EXIT.badInput || !one.waiting) return died(one, why);
      // What it was told is wrong: starting it again would say the same. Later, it is a death like any other.
      kept.delete(spec.name);
      one.waiting.reject(
        new BadInputError(`${spec.name} could not start (${why}):\n${lastLines(one.log, one.logFrom)}`),
      );
    });
  }

  function endSick(one: Kept, why: string): void {
    if (one.isStopping) return;
    tell(`${one.spec.name} is not well, and is ended: ${why}.`);
    void endChild(one, endMs);
  }

  function died(one: Kept, why: string): void {
    one.deaths = performance.now() - one.startedAt > STEADY_MS ? 1 : one.deaths + 1;
    const waitMs = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (one.deaths - 1));
    const said = one.waiting ? `It said: ${lastWords(one.log, one.logFrom)}\n  ` : '';
    tell(
      `${one.spec.name} ended (${why}); starting it again in ${waitMs / 1_000} s. ${said}Its log: ${one.log}`,
    );
    one.timer = setTimeout(() => {
      one.logFrom = logEnd(one.log);
      one.child = launch(program, one.spec, one.log);
      one.startedAt = performance.now();
      watch(one);
    }, waitMs);
  }

  return {
    get names() {
      return [...kept.keys()];
    },
    get starting() {
      const unready = [...kept.values()].filter((one) => one.waiting);
      return unready.map((one) => ({ name: one.spec.name, lastWords: lastWords(one.log, one.logFrom) }));
    },
    start(spec) {
      const log = path.join(logFolder, `${spec.name}.log`);
      return new Promise((resolve, reject) => {
        const one: Kept = {
          spec,
          log,
          logFrom: logEnd(log),
          child: launch(program, spec, log),
          startedAt: performance.now(),
          deaths: 0,
          isStopping: false,
          unwatch: () => {},
          timer: undefined,
          waiting: { resolve, reject },
        };
        kept.set(spec.name, one);
        watch(one);
      });
    },
    async stop(names, deadlineMs) {
      const endings = names.map(async (name) => {
        const one = kept.get(name);
        if (!one) return true;
        kept.delete(name);
        one.isStopping = true;
        clearTimeout(one.timer);
        one.unwatch();
        return endChild(one, deadlineMs);
      });
      return (await Promise.all(endings)).every(Boolean);
    },
  };
}

function launch(program: string, spec: ChildSpec, logFile: string): ChildProcess {
  const log = openLog(logFile);
  try {
    // A group of its own: a Ctrl-C in the terminal reaches the supervisor alone, which ends them in order.
    return spawn(process.execPath, [program, ...spec.args], {
      env: spec.env,
      stdio: ['ignore', log, log, 'ipc'],
      detached: true,
    });
  } finally {
    closeSync(log);
  }
}

function endChild({ child, waiting }: Kept, deadlineMs: number): Promise<boolean> {
  const isGone = child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
  if (isGone) return Promise.resolve(true);
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), deadlineMs);
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      // One that was not up yet has no handler for the signal, and nothing to hand back.
      resolve(code === 0 || (waiting !== undefined && signal === 'SIGTERM'));
    });
    child.kill('SIGTERM');
  });
}
