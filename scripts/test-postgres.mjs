// Postgres servers of the tests' own, each with a migrated database that a test clones.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from '../packages/db/node_modules/postgres/src/index.js';
import {
  initCluster,
  lastLines,
  spawnPostmaster,
  stopPostmaster,
} from '../packages/db/dist/embedded/postmaster.js';
import { chooseServerUser, giveTo } from '../packages/db/dist/embedded/server-user.js';
import { migrateDatabase, startEmbeddedPostgres } from '../packages/db/dist/index.js';
import { freePort } from './free-port.mjs';

const START_DEADLINE_MS = 30_000;

/** The embedded one. `isDurable` leaves it as it is by default. */
export async function startTestPostgres(dataDir, { isDurable = false } = {}) {
  const server = await startEmbeddedPostgres({ dataDir });
  await prepare(server.url, { isDurable });
  return {
    url: server.url,
    async stop() {
      await server.close();
      // As root it lies outside of the suite's folder.
      rmSync(server.folder, { recursive: true, force: true });
    },
  };
}

/** The machine's own, of the oldest major that candlefleet runs on; undefined where Debian's and Ubuntu's is not installed. */
export async function startOldestPostgres(dataDir) {
  const major = 15;
  const bin = `/usr/lib/postgresql/${major}/bin`;
  if (!existsSync(`${bin}/postgres`)) return undefined;
  const user = chooseServerUser();
  const password = randomBytes(12).toString('hex');
  mkdirSync(dataDir);
  giveTo(user, dataDir);
  const dataFolder = path.join(dataDir, 'data');
  const logFile = path.join(dataDir, 'postgres.log');
  const binaries = { initdb: `${bin}/initdb`, postgres: `${bin}/postgres`, major };
  const port = await freePort();
  initCluster({ binaries, user, dataFolder, password });
  const { pid } = spawnPostmaster({ binaries, user, dataFolder, port, logFile });
  const url = `postgres://candlefleet:${password}@127.0.0.1:${port}/postgres`;
  try {
    await whenReady(url, logFile);
    await prepare(url, {});
  } catch (error) {
    await stopPostmaster(pid);
    throw error;
  }
  return { url, stop: () => stopPostmaster(pid) };
}

async function whenReady(url, logFile) {
  for (const end = performance.now() + START_DEADLINE_MS; ; await sleep(100)) {
    const sql = postgres(url, { max: 1, connect_timeout: 2, onnotice: () => {} });
    try {
      await sql`select 1`;
      return;
    } catch (error) {
      if (performance.now() > end)
        throw new Error(`It did not start:\n${lastLines(logFile)}`, { cause: error });
    } finally {
      await sql.end({ timeout: 1 });
    }
  }
}

/** The tests kill processes, not the machine: unless durable, nothing here must outlive a power cut. */
async function prepare(serverUrl, { isDurable }) {
  const sql = postgres(serverUrl, { max: 1, onnotice: () => {} });
  for (const name of isDurable ? [] : ['fsync', 'full_page_writes', 'synchronous_commit'])
    await sql.unsafe(`alter system set ${name} = off`);
  await sql`select pg_reload_conf()`;
  await sql`create database candlefleet_template`;
  await sql.end();
  const url = new URL(serverUrl);
  url.pathname = '/candlefleet_template';
  await migrateDatabase(url.href);
}
