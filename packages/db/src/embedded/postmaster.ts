import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseUnusableError } from '../errors.js';
import type { Binaries } from './binaries.js';
import { giveTo, type ServerUser } from './server-user.js';

/** Settings of a server that shares a small machine with the fleet. */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '128MB',
  max_wal_size: '1GB',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/** Creates the cluster in one step that is whole or not there: a folder beside it is renamed into place. */
export function initCluster(options: {
  binaries: Binaries;
  user: ServerUser | undefined;
  dataFolder: string;
  password: string;
}): void {
  const { binaries, user, dataFolder, password } = options;
  const draft = `${dataFolder}.new`;
  const passwordFile = `${dataFolder}.pw`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  giveTo(user, draft);
  writeFileSync(passwordFile, password, { mode: 0o600 });
  giveTo(user, passwordFile);
  try {
    const flags = [
      '--encoding=UTF8',
      '--locale=C',
      '--auth=scram-sha-256',
      '--username=candlefleet',
      `--pwfile=${passwordFile}`,
    ];
    const done = spawnSync(binaries.initdb, ['-D', draft, ...flags], {
      ...asUser(user),
      env: cleanEnv(),
      encoding: 'utf8',
    });
    if (done.error ?? done.status !== 0) {
      throw new DatabaseUnusableError(
        `The embedded Postgres could not be set up in ${dataFolder}: ${done.stderr || String(done.error)}`,
        done.error,
      );
    }
    renameSync(draft, dataFolder);
  } finally {
    rmSync(passwordFile, { force: true });
    rmSync(draft, { recursive: true, force: true });
  }
}

/** Starts the server in a session of its own, so that a Ctrl-C in the terminal does not reach it before its clients end. */
export function spawnPostmaster(options: {
  binaries: Binaries;
  user: ServerUser | undefined;
  dataFolder: string;
  port: number;
  logFile: string;
}): ChildProcess {
  const { binaries, user, dataFolder, port, logFile } = options;
  const settings = Object.entries(SETTINGS).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
  const log = openSync(logFile, 'a', 0o600);
  try {
    const child = spawn(binaries.postgres, ['-D', dataFolder, '-p', String(port), ...settings], {
      ...asUser(user),
      env: cleanEnv(),
      detached: true,
      stdio: ['ignore', log, log],
    });
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

/** What postmaster.pid says. It may be stale; it is never ours to delete (HAZARDS 35). */
export function readPidFile(dataFolder: string): { pid: number; port: number } | undefined {
  const file = path.join(dataFolder, 'postmaster.pid');
  if (!existsSync(file)) return undefined;
  const lines = readFileSync(file, 'utf8').split('\n');
  return { pid: Number(lines[0]), port: Number(lines[3] ?? 0) };
}

/**
 * Postgres takes any living process with the number in a stale pid file for its rival: a stranger that got the number
 * since, or a server that was killed and that nobody has reaped. Its parent's number is the one that it overlooks; the
 * file itself must stay, for by it Postgres finds sessions that outlived their server.
 */
export function yieldPidFile(dataFolder: string): void {
  const file = path.join(dataFolder, 'postmaster.pid');
  const found = readPidFile(dataFolder);
  if (!found || !isRunning(found.pid) || isPostmaster(found.pid, dataFolder)) return;
  const [, ...rest] = readFileSync(file, 'utf8').split('\n');
  writeFileSync(file, [String(process.pid), ...rest].join('\n'));
}

/** Whether the process is a server on this folder; where the system does not tell, it may be. */
export function isPostmaster(pid: number, dataFolder: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(dataFolder);
  } catch {
    return process.platform !== 'linux';
  }
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const STOP_DEADLINE_MS = 10_000;
const LOOK_EVERY_MS = 50;

/** Fast shutdown; after ten seconds an immediate one, which the next start recovers from. */
export async function stopPostmaster(pid: number): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    if (!isRunning(pid)) return;
    process.kill(pid, signal);
    for (const end = performance.now() + STOP_DEADLINE_MS; performance.now() < end && isRunning(pid);)
      await sleep(LOOK_EVERY_MS);
  }
}

export function lastLines(logFile: string, count = 5): string {
  return existsSync(logFile)
    ? readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-count).join('\n')
    : '';
}

function asUser(user: ServerUser | undefined) {
  return user ? { uid: user.uid, gid: user.gid } : {};
}

/** No locale, no PG* of the caller's: the cluster is the same everywhere. */
function cleanEnv(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' };
}
