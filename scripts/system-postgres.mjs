// A throwaway cluster of a Postgres that is installed on this machine: to run the tests on another major than our own.
import { spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from '../packages/db/node_modules/postgres/src/index.js';

const PLACES = [
  (major) => `/usr/lib/postgresql/${major}/bin`,
  (major) => `/usr/pgsql-${major}/bin`,
  (major) => `/opt/homebrew/opt/postgresql@${major}/bin`,
];
const START_DEADLINE_MS = 60_000;

/** Where its programs are, or nothing. */
export function findSystemPostgres(major) {
  return PLACES.map((place) => place(major)).find((bin) => existsSync(path.join(bin, 'postgres')));
}

/** Loopback only, trusted: it lives as long as the tests. As root it runs as the user `postgres`. */
export async function startSystemPostgres(bin, folder) {
  mkdirSync(folder, { recursive: true });
  const user = process.getuid?.() === 0 ? idsOf('postgres') : {};
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid);
  const data = path.join(folder, 'data');
  const init = spawnSync(
    path.join(bin, 'initdb'),
    ['-D', data, '-U', 'candlefleet', '-A', 'trust', '-E', 'UTF8', '--locale=C'],
    {
      ...user,
      encoding: 'utf8',
    },
  );
  if (init.status !== 0) throw new Error(`initdb: ${init.stderr || init.error}`);
  const port = await freePort();
  const log = openSync(path.join(folder, 'postgres.log'), 'a');
  const flags = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 200,
    wal_level: 'replica',
  };
  const child = spawn(
    path.join(bin, 'postgres'),
    ['-D', data, ...Object.entries(flags).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    { ...user, stdio: ['ignore', log, log] },
  );
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const url = `postgres://candlefleet@127.0.0.1:${port}/postgres`;
  await untilItAnswers(url, child);
  return {
    url,
    folder,
    async close() {
      child.kill('SIGINT');
      await ended;
    },
  };
}

async function untilItAnswers(url, child) {
  for (const end = performance.now() + START_DEADLINE_MS; ; await sleep(100)) {
    const sql = postgres(url, { max: 1, connect_timeout: 2, onnotice: () => {} });
    try {
      await sql`select 1`;
      return;
    } catch (error) {
      if (child.exitCode !== null || performance.now() > end) throw error;
    } finally {
      await sql.end({ timeout: 1 });
    }
  }
}

function idsOf(name) {
  const id = (flag) => Number(spawnSync('id', [flag, name], { encoding: 'utf8' }).stdout);
  return { uid: id('-u'), gid: id('-g') };
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
