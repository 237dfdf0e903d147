import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEmbeddedPostgres } from '@candlefleet/db';

/** A real server that can be ended in every way, and comes back on the same port. */
export interface PostgresServer {
  readonly url: string;
  readonly dataFolder: string;
  /** SIGINT: a fast shutdown. SIGQUIT: an immediate one. SIGKILL: a crash. Resolves when it is down. */
  end(signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL'): Promise<void>;
  revive(): Promise<void>;
  close(): Promise<void>;
}

const LOOK_EVERY_MS = 20;
const REVIVE_DEADLINE_MS = 60_000;

export async function startPostgres(dataDir: string): Promise<PostgresServer> {
  const server = await startEmbeddedPostgres({ dataDir });
  const dataFolder = path.join(server.folder, 'data');
  const pid = () => Number(readFileSync(path.join(dataFolder, 'postmaster.pid'), 'utf8').split('\n')[0]);
  return {
    url: server.url,
    dataFolder,
    async end(signal) {
      const postmaster = pid();
      process.kill(postmaster, signal);
      while (isRunning(postmaster)) await sleep(LOOK_EVERY_MS);
    },
    async revive() {
      for (const end = performance.now() + REVIVE_DEADLINE_MS; ;) {
        try {
          await server.revive();
          return;
        } catch (error) {
          // Sessions that outlived a killed server hold its shared memory for a moment.
          if (performance.now() > end) throw error;
          await sleep(LOOK_EVERY_MS);
        }
      }
    },
    close: () => server.close(),
  };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
