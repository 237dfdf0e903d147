import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { waitUntil } from '@candlefleet/testing';
import { promise, type Fault } from './fault.js';

const PROGRAM = fileURLToPath(new URL('../../../scripts/candlefleet.mjs', import.meta.url));
const READY_MS = 10_000;

/** 11: `npm start` killed with -9 at a random moment; the next start is ready within 10 s, on one Postgres. */
export const upKilled: Fault = {
  kind: 'npm start killed',
  share: 2,
  async strike({ stage, random }) {
    const dataDir = mkdtempSync(path.join(os.tmpdir(), 'candlefleet-up-'));
    chmodSync(dataDir, 0o755);
    // The first start sets up a cluster: it is killed in that, or a little later.
    const moments = [random.whole(200, 4_000), random.whole(2_000, 8_000)];
    try {
      for (const moment of moments) {
        const first = startUp(dataDir, stage.env);
        await sleep(moment);
        first.child.kill('SIGKILL');
        await first.ended;
      }
      const at = performance.now();
      const next = startUp(dataDir, stage.env);
      await waitUntil(
        'the next start to be ready',
        () => next.said().includes('candlefleet is ready'),
        60_000,
      );
      const tookMs = Math.round(performance.now() - at);
      const postmasters = countPostmasters(dataDir);
      const second = startUp(dataDir, stage.env);
      const [code] = await second.ended;
      next.child.kill('SIGTERM');
      const [end] = await next.ended;
      promise(tookMs < READY_MS, `npm start was ready ${tookMs} ms after a kill, not within 10 s`);
      promise(postmasters <= 1, `${postmasters} servers on one folder`);
      promise(code === 1, `a second start on one folder ended with ${code ?? '?'}:\n${second.said()}`);
      promise(end === 0, `after SIGTERM it ended with ${end ?? '?'}:\n${next.said()}`);
      return { landed: true, what: `after ${moments.join(' and ')} ms; ready in ${tookMs} ms` };
    } finally {
      await runToEnd(['--data-dir', dataDir, 'reset', '--yes'], stage.env);
      rmSync(dataDir, { recursive: true, force: true });
    }
  },
};

function startUp(dataDir: string, env: NodeJS.ProcessEnv) {
  const child = spawnProgram(['--data-dir', dataDir, 'up', '--source', 'replay'], env);
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (part: string) => (text += part));
  return { child, ended: once(child, 'close'), said: () => text };
}

async function runToEnd(args: string[], env: NodeJS.ProcessEnv): Promise<void> {
  await once(spawnProgram(args, env), 'close');
}

/** As on a machine that nobody has set up: no locale, no port chosen. */
function spawnProgram(args: string[], env: NodeJS.ProcessEnv): ChildProcess {
  const { PATH, HOME } = process.env;
  return spawn(process.execPath, [PROGRAM, ...args], {
    env: { PATH, HOME, UP_WORKERS: '1', LOG_LEVEL: env['LOG_LEVEL'] },
    stdio: ['ignore', 'pipe', 'pipe'],
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
