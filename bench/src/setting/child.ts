import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A process of a benchmark's own. */
export interface Child {
  readonly pid: number;
  /** What it told when it was ready. */
  readonly told: Record<string, string>;
  close(): Promise<void>;
}

const END_DEADLINE_MS = 15_000;

/** Starts a program of src/processes, and waits until it is ready. */
export async function startChild(name: 'replay' | 'worker', args: readonly string[]): Promise<Child> {
  const program = fileURLToPath(new URL(`../processes/${name}.js`, import.meta.url));
  const child = fork(program, args, { stdio: ['ignore', 2, 2, 'ipc'] });
  const ended = once(child, 'exit');
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
