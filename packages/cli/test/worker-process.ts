import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { TestBackend } from '@candlefleet/testing';
import type { Fleet } from './fleet.js';
import { PROGRAM } from './program.js';

/** Short enough for a test, long enough for a busy machine to renew it. */
const LEASE_SECONDS = 4;

/** Workers as the containers run them: the shipped program, one process each. */
export function createWorkerProcesses(fleet: Fleet, backend: TestBackend) {
  const all = new Set<ChildProcess>();
  const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null;
  return {
    start(): ChildProcess {
      const child = spawn(process.execPath, [PROGRAM, 'worker'], {
        stdio: 'ignore',
        env: {
          ...process.env,
          DATABASE_URL: fleet.database.url,
          REDIS_URL: backend.redisUrl ?? '',
          QUEUE_NAMESPACE: fleet.namespace,
          PROVIDER_BASE_URL_REPLAY: fleet.server.url,
          LEASE_SECONDS: String(LEASE_SECONDS),
        },
      });
      all.add(child);
      return child;
    },
    async kill(child: ChildProcess): Promise<void> {
      if (hasEnded(child)) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
    /** Asks it to end. Answers its exit code. */
    async end(child: ChildProcess): Promise<number | null> {
      if (!hasEnded(child)) {
        child.kill('SIGCONT');
        child.kill('SIGTERM');
        await once(child, 'exit');
      }
      return child.exitCode;
    },
    async close(): Promise<void> {
      await Promise.all([...all].map((child) => this.end(child)));
    },
  };
}
