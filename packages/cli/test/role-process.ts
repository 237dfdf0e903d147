import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PROGRAM } from './program.js';

export interface RoleProcess {
  readonly pid: number;
  /** Resolves when it is ready, with where its probes are. */
  readonly probes: Promise<string>;
  /** Its exit code; null for one that was killed. */
  readonly ended: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
}

/** One role, as a supervisor starts it: it tells where its probes are. */
export function startRole(role: string, env: NodeJS.ProcessEnv): RoleProcess {
  const child = spawn(process.execPath, [PROGRAM, role], {
    env: { ...process.env, HEALTH_PORT: '0', ...env },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const ended = once(child, 'exit').then(([code]) => code);
  const ready = once(child, 'message').then(([told]) => told.probes);
  const tooEarly = ended.then((code): never => {
    throw new Error(`the ${role} ended before it was ready (${code})`);
  });
  const probes = Promise.race([ready, tooEarly]);
  // Whoever does not wait for it need not hear that it ended.
  probes.catch(() => {});
  return { pid: child.pid ?? 0, probes, ended, kill: (signal) => void child.kill(signal) };
}

/** What a probe answers: its status, and the checks by name. */
export async function probe(url: string, path: 'healthz' | 'readyz') {
  const response = await fetch(`${url}/${path}`, { signal: AbortSignal.timeout(2_000) });
  const {
    checks,
  }: { checks: { check: string; ok: boolean; found: string; since: string; remedy?: string }[] } = JSON.parse(
    await response.text(),
  );
  return { status: response.status, checks, failed: checks.filter(({ ok }) => !ok) };
}
