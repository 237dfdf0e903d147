import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import postgres from 'postgres';
import { freePort } from './redis-server.js';
import { adminUrl } from './test-database.js';
import { waitUntil } from './wait-until.js';

/** For the names of tests: why they are skipped, if they are. */
export const WITHOUT_POOLER = process.env['TEST_PGBOUNCER'] ? '' : ' [skipped: no PgBouncer]';

export interface Pooler {
  /** The same database, through the pooler. */
  through(databaseUrl: string): string;
  stop(): Promise<void>;
}

/** A PgBouncer in transaction mode before the tests' Postgres, with so many sessions a database. */
export async function startPooler(sessions: number): Promise<Pooler> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'candlefleet-pooler-'));
  chmodSync(folder, 0o755);
  const port = await freePort();
  const server = new URL(adminUrl());
  const ini = path.join(folder, 'pgbouncer.ini');
  writeFileSync(
    ini,
    `[databases]
* = host=${server.hostname} port=${server.port} user=${server.username} password=${server.password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${sessions}
server_idle_timeout = 1
`,
  );
  // As root it refuses to run, unless it is told who to become.
  const flags = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  const child = spawn(process.env['TEST_PGBOUNCER'] ?? 'pgbouncer', [...flags, ini], {
    env: { ...process.env, LD_LIBRARY_PATH: process.env['TEST_PGBOUNCER_LIBRARIES'] },
    stdio: 'ignore',
  });
  const through = (databaseUrl: string) => {
    const url = new URL(databaseUrl);
    url.port = String(port);
    return url.href;
  };
  await waitUntil('the pooler to answer', () => answers(through(adminUrl())));
  return {
    through,
    async stop() {
      child.kill('SIGTERM');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function answers(url: string): Promise<boolean> {
  const sql = postgres(url, { max: 1, prepare: false, connect_timeout: 2, onnotice: () => {} });
  try {
    await sql`select 1`;
    return true;
  } catch {
    return false;
  } finally {
    await sql.end({ timeout: 1 });
  }
}
