import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export type Role = 'producer' | 'worker' | 'dashboard';

const PROGRAM = fileURLToPath(new URL('../../../scripts/candlefleet.mjs', import.meta.url));
const PRELOAD = new URL('../../dist/stage/preload.js', import.meta.url).href;
/** As a container's restart policy does. */
const RESTART_MS = 300;

/** How a process ended that nobody had told to. */
export interface OwnEnd {
  readonly name: string;
  readonly how: string;
}

/** One of the shipped programs, kept up as a container would be. */
export interface FleetProcess {
  readonly name: string;
  readonly role: Role;
  readonly pid: number;
  readonly isUp: boolean;
  readonly starts: number;
  readonly logFile: string;
  /** Sends a signal. After SIGKILL it is started again. */
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM; answers how it ended and how long that took, and starts it again unless it rests. */
  end(): Promise<{ code: number | null; signal: NodeJS.Signals | null; tookMs: number }>;
  /** Keeps it down from now on, by SIGKILL. */
  rest(): Promise<void>;
  /** Brings it up after a rest. */
  wake(): void;
}

export interface Processes {
  readonly all: readonly FleetProcess[];
  of(role: Role): FleetProcess[];
  /** What ended by itself. */
  readonly ownEnds: readonly OwnEnd[];
  add(name: string, role: Role, env: NodeJS.ProcessEnv): FleetProcess;
  close(): Promise<void>;
}

export function createProcesses(logFolder: string): Processes {
  const all: FleetProcess[] = [];
  const ownEnds: OwnEnd[] = [];

  function add(name: string, role: Role, env: NodeJS.ProcessEnv): FleetProcess {
    const logFile = path.join(logFolder, `${name}.log`);
    let child: ChildProcess;
    let isResting = false;
    let isTold = false;
    let starts = 0;

    function start(): void {
      starts += 1;
      isTold = false;
      const log = openSync(logFile, 'a');
      child = spawn(process.execPath, [PROGRAM, role], {
        stdio: ['ignore', log, log],
        env: { ...process.env, ...env, NODE_OPTIONS: `--import=${PRELOAD}` },
      });
      closeSync(log);
      const started = child;
      started.once('exit', (code, signal) => {
        // A charge at a point kills with SIGKILL; nothing ends itself that way.
        if (!isTold && signal !== 'SIGKILL') ownEnds.push({ name, how: signal ?? `exit code ${code}` });
        setTimeout(() => {
          if (!isResting && child === started) start();
        }, RESTART_MS);
      });
    }
    const hasEnded = () => child.exitCode !== null || child.signalCode !== null;

    start();
    const one: FleetProcess = {
      name,
      role,
      logFile,
      get pid() {
        return child.pid ?? 0;
      },
      get isUp() {
        return !hasEnded();
      },
      get starts() {
        return starts;
      },
      signal(signal) {
        if (signal === 'SIGKILL') isTold = true;
        if (!hasEnded()) child.kill(signal);
      },
      async end() {
        const at = performance.now();
        isTold = true;
        const ending = child;
        if (!hasEnded()) {
          ending.kill('SIGTERM');
          await once(ending, 'exit');
        }
        return { code: ending.exitCode, signal: ending.signalCode, tookMs: performance.now() - at };
      },
      async rest() {
        isResting = true;
        isTold = true;
        if (hasEnded()) return;
        child.kill('SIGKILL');
        await once(child, 'exit');
      },
      wake() {
        if (!isResting) return;
        isResting = false;
        if (hasEnded()) start();
      },
    };
    all.push(one);
    return one;
  }

  return {
    all,
    ownEnds,
    add,
    of: (role) => all.filter((one) => one.role === role),
    async close() {
      await Promise.all(all.map((one) => one.rest()));
      await sleep(RESTART_MS);
    },
  };
}
