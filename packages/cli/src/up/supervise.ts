import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { BadInputError } from '@candlefleet/core';
import { EXIT } from '../errors.js';

export interface ChildSpec {
  /** Its log's name: `worker-1`. */
  readonly name: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

export interface Supervisor {
  /** Starts a process and keeps it up; resolves with what it told when it was ready for the first time. */
  start(spec: ChildSpec): Promise<Record<string, unknown>>;
  /** Ends processes by SIGTERM, and by SIGKILL after the deadline. Answers whether all ended by themselves with 0. */
  stop(names: readonly string[], deadlineMs: number): Promise<boolean>;
  readonly names: readonly string[];
}

const PROGRAM = fileURLToPath(new URL('../main.js', import.meta.url));
const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 30_000;
/** Up for this long: what happened before is forgiven. */
const STEADY_MS = 60_000;
const LINES_TOLD = 5;
const LARGEST_LOG_BYTES = 20 * 1024 * 1024;

interface Kept {
  readonly spec: ChildSpec;
  child: ChildProcess;
  startedAt: number;
  deaths: number;
  isStopping: boolean;
  timer: NodeJS.Timeout | undefined;
}

/** Separate processes with their logs in a folder. One that dies is restarted, with backoff, saying so. */
export function createSupervisor(logFolder: string, tell: (line: string) => void): Supervisor {
  mkdirSync(logFolder, { recursive: true });
  const kept = new Map<string, Kept>();

  function launch(spec: ChildSpec): ChildProcess {
    const log = openLog(path.join(logFolder, `${spec.name}.log`));
    try {
      // A group of its own: a Ctrl-C in the terminal reaches the supervisor alone, which ends them in order.
      return spawn(process.execPath, [PROGRAM, ...spec.args], {
        env: spec.env,
        stdio: ['ignore', log, log, 'ipc'],
        detached: true,
      });
    } finally {
      closeSync(log);
    }
  }

  function watch(
    one: Kept,
    onReady: (told: Record<string, unknown>) => void,
    onRefusal: (why: string) => void,
  ): void {
    const { child, spec } = one;
    child.on('message', (message) =>
      onReady(typeof message === 'object' && message !== null ? { ...message } : {}),
    );
    child.on('error', (error) => tell(`${spec.name}: ${error.message}`));
    child.once('exit', (code, signal) => {
      if (one.isStopping) return;
      const why = signal ?? `exit code ${code}`;
      // What it was told is wrong: starting it again would say the same.
      if (code === EXIT.badInput) return onRefusal(why);
      one.deaths = performance.now() - one.startedAt > STEADY_MS ? 1 : one.deaths + 1;
      const waitMs = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (one.deaths - 1));
      tell(
        `${spec.name} ended (${why}); starting it again in ${waitMs / 1_000} s. Its log: ${path.join(logFolder, `${spec.name}.log`)}`,
      );
      one.timer = setTimeout(() => {
        one.child = launch(spec);
        one.startedAt = performance.now();
        watch(
          one,
          () => {},
          () => {},
        );
      }, waitMs);
    });
  }

  return {
    get names() {
      return [...kept.keys()];
    },
    start(spec) {
      return new Promise((resolve, reject) => {
        const one: Kept = {
          spec,
          child: launch(spec),
          startedAt: performance.now(),
          deaths: 0,
          isStopping: false,
          timer: undefined,
        };
        kept.set(spec.name, one);
        watch(one, resolve, (why) =>
          reject(
            new BadInputError(
              `${spec.name} could not start (${why}):\n${lastLines(path.join(logFolder, `${spec.name}.log`))}`,
            ),
          ),
        );
      });
    },
    async stop(names, deadlineMs) {
      const endings = names.map(async (name) => {
        const one = kept.get(name);
        if (!one) return true;
        kept.delete(name);
        one.isStopping = true;
        clearTimeout(one.timer);
        return endChild(one.child, deadlineMs);
      });
      return (await Promise.all(endings)).every(Boolean);
    },
  };
}

function endChild(child: ChildProcess, deadlineMs: number): Promise<boolean> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(true);
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), deadlineMs);
    child.once('exit', (code) => {
      clearTimeout(timer);
      resolve(code === 0);
    });
    child.kill('SIGTERM');
  });
}

/** Appends; a large log is set aside once. */
function openLog(file: string): number {
  if (existsSync(file) && statSync(file).size > LARGEST_LOG_BYTES) renameSync(file, `${file}.1`);
  return openSync(file, 'a', 0o600);
}

function lastLines(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-LINES_TOLD).join('\n');
}
