import { chownSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { DatabaseUnusableError } from '../errors.js';

/** Whom the server runs as: Postgres refuses to be root. */
export interface ServerUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Undefined: ourselves. As root: `postgres` where that user exists, else `nobody`. */
export function chooseServerUser(): ServerUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const wanted of ['postgres', 'nobody']) {
    const [name, , uid, gid] = users.find((fields) => fields[0] === wanted) ?? [];
    if (name && uid && gid) return { name, uid: Number(uid), gid: Number(gid) };
  }
  throw new DatabaseUnusableError(
    'Postgres refuses to run as root, and this machine has neither a user "postgres" nor "nobody". Run candlefleet as a plain user, or create one:\n  useradd --system postgres',
  );
}

/** Whether the user can enter every folder on the way. */
export function canReach(user: ServerUser, folder: string): boolean {
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    const { mode, uid, gid } = statSync(at);
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (at === path.dirname(at)) return true;
  }
}

export function giveTo(user: ServerUser | undefined, file: string): void {
  if (user) chownSync(file, user.uid, user.gid);
}
