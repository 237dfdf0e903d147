import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { waitUntil } from '@candlefleet/testing';
import type { Random } from '../random.js';
import { promise, type Fault } from './fault.js';

const PROGRAM = fileURLToPath(new URL('../../../scripts/candlefleet.mjs', import.meta.url));
/** On a machine that does nothing else; this one breaks a fleet meanwhile, so it counts for each core's share of work. */
const READY_WITHIN_MS = 10_000;

/** 11: `npm start` killed with -9 at random moments; each next start is ready within 10 s, on one Postgres. */
export const upKilled: Fault = {
  kind: 'npm start killed',
  share: 8,
  async strike({ random }) {
    const user = random.pick(usersHere());
    return { landed: true, what: await strikeUp(random, { user, kills: 2, readyWithinMs: READY_WITHIN_MS }) };
  },
};

/** Who starts it; the numbers are left out for whoever runs this. */
interface User {
  readonly name: string;
  readonly uid?: number;
  readonly gid?: number;
}

/** Whoever runs this; for root also a user without rights, if that one can read this checkout. */
export function usersHere(): readonly User[] {
  const own = { name: os.userInfo().username };
  if (process.getuid?.() !== 0) return [own];
  const nobody = { name: 'a user without rights', uid: 65_534, gid: 65_534 };
  const { status } = spawnSync(process.execPath, ['--check', PROGRAM], { uid: nobody.uid, gid: nobody.gid });
  return status === 0 ? [own, nobody] : [own];
}

interface UpStrike {
  readonly user: User;
  readonly kills: number;
  readonly readyWithinMs: number;
}

/** Answers what was done, for the report. @throws BrokenPromiseError */
export async function strikeUp(random: Random, { user, kills, readyWithinMs }: UpStrike): Promise<string> {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'candlefleet-up-'));
  chmodSync(dataDir, 0o755);
  if (user.uid !== undefined && user.gid !== undefined) chownSync(dataDir, user.uid, user.gid);
  const home = { dataDir, user };
  const done: string[] = [];
  try {
    // The first start sets up a cluster: it is killed in that, or a little later.
    for (let kill = 0; kill < kills; kill += 1) {
      const moment = random.whole(200, 6_000);
      const first = startUp(home);
      await sleep(moment);
      first.child.kill('SIGKILL');
      await first.ended;
      done.push(
        `killed after ${moment} ms, ready in ${await readyAgain(home, { isLast: kill === kills - 1, readyWithinMs })} ms`,
      );
    }
    return `as ${user.name}: ${done.join('; ')}`;
  } finally {
    await once(spawnProgram(home, ['reset', '--yes']), 'close');
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Starts, and is killed once it is ready; or, at the end, is asked to end. Answers how long it took to be ready. */
async function readyAgain(
  home: Home,
  { isLast, readyWithinMs }: { isLast: boolean; readyWithinMs: number },
): Promise<number> {
  const at = performance.now();
  const next = startUp(home);
  await waitUntil('the next start to be ready', () => next.said().includes('candlefleet is ready'), 60_000);
  const tookMs = Math.round(performance.now() - at);
  const postmasters = countPostmasters(home.dataDir);
  const second = startUp(home);
  const [code] = await second.ended;
  next.child.kill(isLast ? 'SIGTERM' : 'SIGKILL');
  const [end] = await next.ended;
  const share = Math.max(1, (os.loadavg()[0] ?? 1) / os.availableParallelism());
  promise(
    tookMs < readyWithinMs * share,
    `npm start was ready ${tookMs} ms after a kill, not within ${readyWithinMs} ms at ${share.toFixed(1)} processes a core`,
  );
  promise(postmasters <= 1, `${postmasters} servers on one folder`);
  promise(code === 1, `a second start on one folder ended with ${code ?? '?'}:\n${second.said()}`);
  promise(!isLast || end === 0, `after SIGTERM it ended with ${end ?? '?'}:\n${next.said()}`);
  return tookMs;
}

interface Home {
  readonly dataDir: string;
  readonly user: User;
}

function startUp(home: Home) {
  const child = spawnProgram(home, ['up', '--source', 'replay']);
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (part: string) => (text += part));
  return { child, ended: once(child, 'close'), said: () => text };
}

/** As on a machine that nobody has set up: no locale, no port chosen. */
function spawnProgram({ dataDir, user: { uid, gid } }: Home, args: string[]): ChildProcess {
  return spawn(process.execPath, [PROGRAM, '--data-dir', dataDir, ...args], {
    env: { PATH: process.env.PATH, HOME: dataDir, UP_WORKERS: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: dataDir,
    ...(uid === undefined ? {} : { uid, gid }),
  });
}

/** Living servers whose data folder this is; where the system does not tell, none. */
function countPostmasters(dataDir: string): number {
  const dataFolder = path.join(realpathSync(dataDir), 'postgres/data');
  if (!existsSync('/proc/self/cmdline')) return 0;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => cmdlineOf(pid).includes(dataFolder)).length;
}

function cmdlineOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
