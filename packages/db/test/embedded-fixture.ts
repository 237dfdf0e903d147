import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { isPostmaster, isRunning, readPidFile } from '../src/embedded/postmaster.js';
import { embeddedFolder } from '../src/embedded/start-embedded.js';

const BUILT = fileURLToPath(new URL('../dist/index.js', import.meta.url));

export const isRoot = process.getuid?.() === 0;

/** A process that owns an embedded Postgres, as `up` does. */
export interface Owner {
  readonly pid: number;
  readonly url: string;
  readonly port: number;
  readonly folder: string;
  readonly adopted: boolean;
  readonly postmaster: number;
  /** Leaves its server behind. */
  kill(): Promise<void>;
  /** Ends its server too. */
  stop(): Promise<void>;
}

/** Folders with a cluster each, copied from one that was made once; and the processes that own them. */
export function createEmbeddedFixture() {
  const root = mkdtempSync(path.join(os.tmpdir(), 'candlefleet-embedded-'));
  chmodSync(root, 0o755);
  const template = path.join(root, 'template');
  const children = new Set<ChildProcess>();
  const folders: string[] = [];
  let made = 0;

  async function own(dataDir: string, env: NodeJS.ProcessEnv = {}): Promise<Owner> {
    const program = `
      import { startEmbeddedPostgres } from ${JSON.stringify(BUILT)};
      try {
        const server = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)} });
        const { url, port, folder, adopted } = server;
        process.on('SIGTERM', () => server.close().then(() => process.exit(0)));
        setInterval(() => {}, 60_000);
        console.log(JSON.stringify({ url, port, folder, adopted }));
      } catch (error) {
        console.log(JSON.stringify({ code: error.code, message: error.message }));
        process.exit(1);
      }`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      // No LANG: what the environment says is no matter.
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    children.add(child);
    const told: string = await new Promise((resolve) =>
      child.stdout.once('data', (part) => resolve(String(part))),
    );
    const answer = JSON.parse(told);
    if (answer.code) {
      await exited;
      throw Object.assign(new Error(answer.message), { code: answer.code });
    }
    const postmaster = postmasterOf(answer.folder);
    const end = async (signal: NodeJS.Signals) => {
      child.kill(signal);
      await exited;
    };
    return { ...answer, pid: child.pid, postmaster, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') };
  }

  return {
    own,
    /** Makes the cluster that others are copied from, under an environment that would lead a careless one astray. */
    async prepare(): Promise<void> {
      const env = { LANG: 'xx_XX.UTF-8', LC_ALL: 'tr_TR', TZ: 'Asia/Tokyo', PGPORT: '1', PGDATA: '/nowhere' };
      const owner = await own(template, env);
      // The tests kill processes, not the machine.
      for (const setting of ['fsync', 'full_page_writes'])
        await ask(owner.url, `alter system set ${setting} = off`);
      await owner.stop();
    },
    /** A data folder with a cluster that has been used before. */
    folder(mode = 0o755): string {
      const dataDir = mkdtempSync(path.join(root, `${(made += 1)}-`));
      chmodSync(dataDir, mode);
      const place = embeddedFolder(dataDir);
      folders.push(place);
      // Whose the files are matters to Postgres: Node's own copy forgets it.
      mkdirSync(path.dirname(place), { recursive: true });
      spawnSync('cp', ['-a', path.join(template, 'postgres'), place]);
      return dataDir;
    },
    /** Notes a process that is to be gone at the end. */
    watch: (child: ChildProcess) => children.add(child),
    async close(): Promise<void> {
      for (const child of children) child.kill('SIGKILL');
      for (const place of [...folders, path.join(template, 'postgres')]) endServer(path.join(place, 'data'));
      for (const folder of [...folders, root]) rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function postmasterOf(folder: string): number {
  return Number(readFileSync(path.join(folder, 'data', 'postmaster.pid'), 'utf8').split('\n')[0]);
}

export async function ask<T extends object>(url: string, statement: string): Promise<T[]> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return [...(await sql.unsafe<T[]>(statement))];
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** What a failed test left behind: a server on this folder, and nothing else that has its number by now. */
function endServer(dataFolder: string): void {
  const found = readPidFile(dataFolder);
  if (found && isRunning(found.pid) && isPostmaster(found.pid, dataFolder))
    process.kill(found.pid, 'SIGKILL');
}
