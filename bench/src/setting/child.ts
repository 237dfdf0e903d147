import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ReplaySpec } from '../processes/replay.js';
import type { WorkerSpec } from '../processes/worker.js';

/** A process of a benchmark's own. */
export interface Child {
  readonly pid: number;
  /** What it told when it was ready. */
  readonly told: Record<string, string>;
  close(): Promise<void>;
}

const END_DEADLINE_MS = 15_000;

export function startReplay(spec: ReplaySpec): Promise<Child> {
  return startChild('replay', spec, []);
}

export function startWorkerProcess(spec: WorkerSpec, nodeOptions: readonly string[] = []): Promise<Child> {
  return startChild('worker', spec, nodeOptions);
}

/** Starts a program of src/processes, and waits until it is ready. */
async function startChild(
  name: 'replay' | 'worker',
  spec: ReplaySpec | WorkerSpec,
  execArgv: readonly string[],
): Promise<Child> {
  const program = fileURLToPath(new URL(`../processes/${name}.js`, import.meta.url));
  const child = fork(program, [], { stdio: ['ignore', 2, 2, 'ipc'], execArgv: [...execArgv] });
  const ended = once(child, 'exit');
  child.send(spec);
  const told = await Promise.race([once(child, 'message'), ended.then(() => undefined)]);
  if (!told) throw new Error(`the ${name} ended before it was ready`);
  return {
    pid: child.pid ?? 0,
    told: { ...told[0] },
    async close() {
      const timer = setTimeout(() => child.kill('SIGKILL'), END_DEADLINE_MS);
      // It ends when its parent is gone.
      if (child.connected) child.disconnect();
      await ended;
      clearTimeout(timer);
    },
  };
}
