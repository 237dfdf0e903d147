import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** A disk of its own for Postgres, small enough to be filled. */
export interface SmallDisk {
  readonly folder: string;
  /** Also what became free since. */
  fill(): Promise<void>;
  free(): void;
  close(): void;
}

const START_MB = 1_024;
/** What a fleet that nothing holds up stores on a machine of two cores, twice over: 50 to 80 MB a minute. */
const MB_A_MINUTE = 150;

/** Mounts a tmpfs; undefined where that is not allowed (it takes root, on Linux). It is memory: half of it at most. */
export function mountSmallDisk(folder: string, minutes: number): SmallDisk | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined;
  mkdirSync(folder, { recursive: true });
  const sizeMb = Math.min(START_MB + minutes * MB_A_MINUTE, os.totalmem() / 1_048_576 / 2);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${Math.round(sizeMb)}m,mode=0755`, 'tmpfs', folder], {
      stdio: 'ignore',
    });
  } catch {
    return undefined;
  }
  chmodSync(folder, 0o755);
  const ballast = path.join(folder, 'ballast');
  return {
    folder,
    async fill() {
      // Programs of their own: writing this much would hold up every wire that goes through this process.
      for (const piece of ['1M', '4k']) await append(ballast, piece);
    },
    free: () => rmSync(ballast, { force: true }),
    close() {
      execFileSync('umount', ['-l', folder], { stdio: 'ignore' });
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Ends when there is no room for another piece. */
function append(file: string, piece: string): Promise<void> {
  const args = ['if=/dev/zero', `of=${file}`, `bs=${piece}`, 'oflag=append', 'conv=notrunc'];
  return new Promise((resolve) => void execFile('dd', args, () => resolve()));
}
