import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';

/** A disk of its own for Postgres, small enough to be filled. */
export interface SmallDisk {
  readonly folder: string;
  /** Also what became free since. */
  fill(): Promise<void>;
  free(): void;
  close(): void;
}

const SIZE_MB = 4_096;

/** Mounts a tmpfs; undefined where that is not allowed (it takes root, on Linux). */
export function mountSmallDisk(folder: string): SmallDisk | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined;
  mkdirSync(folder, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MB}m,mode=0755`, 'tmpfs', folder], {
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
