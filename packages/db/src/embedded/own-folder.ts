import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseUnusableError } from '../errors.js';

/** A folder that one living process owns; the next one is refused by name. */
export interface OwnedFolder {
  release(): void;
}

interface Owner {
  readonly pid: number;
  /** Tells a process from a later one with its number. Empty where the system does not tell. */
  readonly started: string;
}

const FILE = 'owner.pid';

/**
 * Makes this process the owner of a folder, by a file that is linked into place whole. A dead owner's file is taken
 * over; a living one's is respected.
 * @throws DatabaseUnusableError with the pid of the owner
 */
export function ownFolder(folder: string): OwnedFolder {
  const file = path.join(folder, FILE);
  const mine = JSON.stringify({ pid: process.pid, started: startOf(process.pid) } satisfies Owner);
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, mine, { mode: 0o600 });
  try {
    while (!linked(draft, file)) takeOver(file, draft);
  } finally {
    rmSync(draft, { force: true });
  }
  return {
    release() {
      if (read(file) === mine) rmSync(file, { force: true });
    },
  };
}

/** The living owner's pid, if there is one. */
export function ownerOf(folder: string): number | undefined {
  const text = read(path.join(folder, FILE));
  const owner = text === undefined ? undefined : parseOwner(text);
  return owner && isAlive(owner) ? owner.pid : undefined;
}

function linked(draft: string, file: string): boolean {
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

function takeOver(file: string, draft: string): void {
  const text = read(file);
  if (text === undefined) return;
  const owner = parseOwner(text);
  if (owner && isAlive(owner)) {
    throw new DatabaseUnusableError(
      `${path.dirname(file)} is in use by process ${owner.pid}. Stop that one first, or choose another folder with --data-dir.`,
    );
  }
  const taken = `${draft}.taken`;
  try {
    renameSync(file, taken);
  } catch {
    return;
  }
  // Another one may have taken it over between our look and our rename: then it gets its file back.
  if (read(taken) !== text) linked(taken, file);
  rmSync(taken, { force: true });
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function parseOwner(text: string): Owner | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('pid' in value) || typeof value.pid !== 'number')
      return undefined;
    const started = 'started' in value && typeof value.started === 'string' ? value.started : '';
    return { pid: value.pid, started };
  } catch {
    return undefined;
  }
}

function isAlive({ pid, started }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false;
  }
  return started === startOf(pid);
}

/** Start time in clock ticks, the 22nd field of /proc/PID/stat. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
