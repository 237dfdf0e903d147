import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitUntil } from '@candlefleet/testing';

export const PROGRAM = fileURLToPath(new URL('../../../scripts/candlefleet.mjs', import.meta.url));
const END_DEADLINE_MS = 40_000;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Nothing of the machine's own settings, and no exchange that may be reached by chance. */
function cleanEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { PATH, HOME, LANG } = process.env;
  const nowhere = Object.fromEntries(
    ['BINANCE', 'KRAKEN', 'COINBASE'].map((id) => [`PROVIDER_BASE_URL_${id}`, 'http://127.0.0.1:9']),
  );
  return { PATH, HOME, LANG, ...nowhere, ...env };
}

/** The real program, as a person starts it. */
export function startProgram(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: cleanEnv(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (part: string) => (text[name] += part));
  const ended: Promise<Ended> = once(child, 'close').then(([code]) => ({ code, ...text }));
  return {
    pid: child.pid ?? 0,
    ended,
    all: () => text.stdout + text.stderr,
    /** Waits until it has said this. */
    async said(what: string): Promise<void> {
      await waitUntil(
        `"${what}"`,
        () => {
          if (child.exitCode !== null) throw new Error(`it ended first:\n${text.stdout}${text.stderr}`);
          return text.stdout.includes(what) || text.stderr.includes(what);
        },
        55_000,
      );
    },
    async end(signal: NodeJS.Signals): Promise<Ended> {
      child.kill(signal);
      const late = setTimeout(() => child.kill('SIGKILL'), END_DEADLINE_MS);
      return ended.finally(() => clearTimeout(late));
    },
  };
}

export function runProgram(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return startProgram(args, env).ended;
}

/** A folder that root's unprivileged Postgres can enter too. */
export function makeDataDir(): { dataDir: string; remove(): void } {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'candlefleet-cli-'));
  chmodSync(dataDir, 0o755);
  return { dataDir, remove: () => rmSync(dataDir, { recursive: true, force: true }) };
}
