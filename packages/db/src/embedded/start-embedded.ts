import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { DatabaseUnusableError } from '../errors.js';
import { findBinaries, type Binaries } from './binaries.js';
import { ownFolder } from './own-folder.js';
import {
  initCluster,
  isPostmaster,
  isRunning,
  lastLines,
  readPidFile,
  spawnPostmaster,
  stopPostmaster,
  yieldPidFile,
} from './postmaster.js';
import { canReach, chooseServerUser, type ServerUser } from './server-user.js';

export interface EmbeddedPostgres {
  readonly url: string;
  readonly port: number;
  /** Where its files are; not under the data folder where its unprivileged user could not reach them. */
  readonly folder: string;
  /** It was running already: its last owner was killed. */
  readonly adopted: boolean;
  /** Brings a server that has ended up again, on the same port. Answers whether it had. */
  revive(): Promise<boolean>;
  /** Stops the server, cleanly where it can. */
  close(): Promise<void>;
}

/** Where root's server lives when the data folder is closed to its user. */
const SHARED_FOLDER = '/var/lib/candlefleet';
const START_DEADLINE_MS = 60_000;
const LOOK_EVERY_MS = 50;
const ANSWER_DEADLINE_MS = 3_000;
const DATABASE = 'candlefleet';

/**
 * Brings up the embedded Postgres of a data folder: adopts a server that survived its owner, else starts one.
 * Loopback only, with a random password in a file of mode 600.
 * @throws DatabaseUnusableError when another process owns the folder, it is of another Postgres major, or the server
 * does not start (with its last log lines)
 */
export async function startEmbeddedPostgres(options: {
  dataDir: string;
  port?: number | undefined;
}): Promise<EmbeddedPostgres> {
  mkdirSync(options.dataDir, { recursive: true });
  // One name for one folder, whatever links lead to it: a server is known by its folder.
  const dataDir = realpathSync(options.dataDir);
  const user = chooseServerUser();
  const folder = chooseFolder(dataDir, user);
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  const owned = ownFolder(folder);
  try {
    const binaries = findBinaries(user, SHARED_FOLDER);
    const password = readPassword(path.join(folder, 'password'));
    const setup = { folder, user, binaries, password };
    const { port, adopted, ...server } = await bringUp({ ...setup, port: options.port });
    await createDatabase(port, password);
    let pid = server.pid;
    let reviving: Promise<boolean> | undefined;
    const revive = async (): Promise<boolean> => {
      if (isRunning(pid)) return false;
      pid = (await bringUp({ ...setup, port })).pid;
      return true;
    };
    return {
      url: urlOf(port, password, DATABASE),
      port,
      folder,
      adopted,
      revive() {
        reviving ??= revive().finally(() => (reviving = undefined));
        return reviving;
      },
      async close() {
        await reviving?.catch(() => {});
        await stopPostmaster(pid);
        owned.release();
      },
    };
  } catch (error) {
    owned.release();
    throw error;
  }
}

/** The folder of an embedded server's files, whether it runs or not. */
export function embeddedFolder(dataDir: string): string {
  return chooseFolder(
    existsSync(dataDir) ? realpathSync(dataDir) : path.resolve(dataDir),
    chooseServerUser(),
  );
}

function chooseFolder(dataDir: string, user: ServerUser | undefined): string {
  if (!user || !existsSync(dataDir) || canReach(user, dataDir)) return path.join(dataDir, 'postgres');
  return path.join(SHARED_FOLDER, createHash('sha256').update(dataDir).digest('hex').slice(0, 12));
}

function readPassword(file: string): string {
  if (!existsSync(file)) writeFileSync(file, randomBytes(24).toString('base64url'), { mode: 0o600 });
  return readFileSync(file, 'utf8').trim();
}

interface Setup {
  readonly folder: string;
  readonly user: ServerUser | undefined;
  readonly binaries: Binaries;
  readonly password: string;
  readonly port: number | undefined;
}

async function bringUp(setup: Setup): Promise<{ pid: number; port: number; adopted: boolean }> {
  const { folder, user, binaries, password } = setup;
  const dataFolder = path.join(folder, 'data');
  if (!existsSync(dataFolder)) initCluster({ binaries, user, dataFolder, password });
  refuseOtherMajor(dataFolder, binaries);
  const survivor = await adopt(dataFolder, password);
  if (survivor) return { ...survivor, adopted: true };
  yieldPidFile(dataFolder);

  const port = setup.port ?? (await freePort());
  const logFile = path.join(folder, 'postgres.log');
  const child = spawnPostmaster({ binaries, user, dataFolder, port, logFile });
  let exit: string | undefined;
  child.once('error', (error) => (exit = error.message));
  child.once('exit', (code, signal) => (exit = `it ended with ${signal ?? code}`));
  for (
    const end = performance.now() + START_DEADLINE_MS;
    performance.now() < end;
    await sleep(LOOK_EVERY_MS)
  ) {
    if (exit !== undefined) break;
    if (await isOurs(port, password, dataFolder)) return { pid: child.pid ?? 0, port, adopted: false };
  }
  child.kill('SIGQUIT');
  throw new DatabaseUnusableError(
    `The embedded Postgres did not start (${exit ?? 'it did not answer in a minute'}). Its last words, from ${logFile}:\n${lastLines(logFile)}`,
  );
}

function refuseOtherMajor(dataFolder: string, binaries: Binaries): void {
  const major = Number(readFileSync(path.join(dataFolder, 'PG_VERSION'), 'utf8'));
  if (major === binaries.major) return;
  throw new DatabaseUnusableError(
    `${dataFolder} was made by Postgres ${major}; this candlefleet brings Postgres ${binaries.major}, which cannot read it. ` +
      `Dump it with Postgres ${major}'s pg_dump and load it into a new data folder, go back to the candlefleet that made it, ` +
      'or give the folder up with `npx candlefleet reset --yes`: candles can be fetched again.',
  );
}

/** A server that is up on this very folder, whoever started it. One that is starting or stopping is waited for. */
async function adopt(
  dataFolder: string,
  password: string,
): Promise<{ pid: number; port: number } | undefined> {
  for (
    const end = performance.now() + START_DEADLINE_MS;
    performance.now() < end;
    await sleep(LOOK_EVERY_MS)
  ) {
    const found = readPidFile(dataFolder);
    if (!found || !Number.isInteger(found.pid) || !isRunning(found.pid)) return undefined;
    // The number may belong to something else by now: then the file is stale.
    if (!isPostmaster(found.pid, dataFolder)) return undefined;
    if (await isOurs(found.port, password, dataFolder)) return found;
  }
  return undefined;
}

async function isOurs(port: number, password: string, dataFolder: string): Promise<boolean> {
  const sql = postgres(urlOf(port, password, 'postgres'), { max: 1, connect_timeout: 2, onnotice: () => {} });
  const answered = new AbortController();
  try {
    // The driver asks for ever where a stranger on the port hangs up on it.
    const [row] = await Promise.race([
      sql<{ folder: string }[]>`select current_setting('data_directory') as folder`,
      sleep(ANSWER_DEADLINE_MS, [], { signal: answered.signal }),
    ]);
    return row?.folder === dataFolder;
  } catch {
    return false;
  } finally {
    answered.abort();
    await sql.end({ timeout: 1 });
  }
}

async function createDatabase(port: number, password: string): Promise<void> {
  const sql = postgres(urlOf(port, password, 'postgres'), { max: 1, onnotice: () => {} });
  try {
    const [row] = await sql`select 1 from pg_database where datname = ${DATABASE}`;
    if (!row) await sql`create database ${sql(DATABASE)}`;
  } finally {
    await sql.end({ timeout: 5 });
  }
}

function urlOf(port: number, password: string, database: string): string {
  return `postgres://candlefleet:${password}@127.0.0.1:${port}/${database}`;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
