// Installs the pinned pnpm and all dependencies, and builds what changed. Does nothing when all is up to date.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`candlefleet needs Node 20.19 or newer; this is ${process.versions.node}.`);
  process.exit(1);
}

const { packageManager } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

/** Runs the pinned pnpm, which npx fetches once. Its output is told when it fails. */
function pnpm(...args) {
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', CI: process.env.CI ?? '1' };
  const { status, stdout, stderr, error } = spawnSync('npx', ['--yes', packageManager, ...args], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${error?.message ?? ''}${stdout}${stderr}`.trim());
}

/** What the installed dependencies follow from: the lockfile and every package.json. */
function fingerprint() {
  const manifests = [
    'package.json',
    'pnpm-lock.yaml',
    'pnpm-workspace.yaml',
    'bench/package.json',
    'chaos/package.json',
  ];
  for (const name of readdirSync(path.join(root, 'packages')))
    manifests.push(`packages/${name}/package.json`);
  const hash = createHash('sha256').update(process.version);
  for (const file of manifests.map((one) => path.join(root, one)).filter(existsSync))
    hash.update(readFileSync(file));
  return hash.digest('hex');
}

try {
  const stamp = path.join(root, 'node_modules/.candlefleet-installed');
  const wanted = fingerprint();
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
    console.error('Installing dependencies …');
    pnpm('install', '--frozen-lockfile', '--reporter=append-only', '--loglevel=warn');
    writeFileSync(stamp, wanted);
    console.error('Building …');
  }
  pnpm('exec', 'turbo', 'run', 'build', '--output-logs=errors-only', '--log-prefix=none', '--no-color');
} catch (error) {
  console.error(`Setting up failed:\n${error.message}`);
  process.exit(1);
}
