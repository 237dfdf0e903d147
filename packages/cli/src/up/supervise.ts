import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { BadInputError } from '@candlefleet/core';
import { EXIT } from '../errors.js';
import { lastLines, lastWords, logEnd, openLog } from './logs.js';

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
  timer: NodeJS.Timeout | undefined;
  /** Who waits for it to be ready for the first time; a restart before that keeps them waiting. */
  waiting: { resolve(told: Record<string, unknown>): void; reject(error: Error): void } | undefined;
}

/** Separate processes with their logs in a folder. One that dies is restarted, with backoff, saying so. */
export function createSupervisor(
  program: string,
  logFolder: string,
  tell: (line: string) => void,
): Supervisor {
  mkdirSync(logFolder, { recursive: true });
  const kept = new Map<string, Kept>();

  function watch(one: Kept): void {
    const { child, spec } = one;
    child.on('message', (message) => {
      one.waiting?.resolve(typeof message === 'object' && message !== null ? { ...message } : {});
      one.waiting = undefined;
    });
    // A process that could not even be started has no exit.
    child.once('error', (error) => {
      if (child.pid === undefined) died(one, error.message);
    });
    child.once('exit', (code, signal) => {
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
