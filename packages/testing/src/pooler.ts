import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { freePort } from './redis-server.js';
import { waitUntil } from './wait-until.js';

/** Why tests of a pooler are skipped here, if they are. */
export const WITHOUT_POOLER = process.env['TEST_PGBOUNCER'] ? undefined : '[skipped: no pgbouncer]';

export interface Pooler {
  readonly url: string;
  close(): Promise<void>;
}

const CONNECTIONS = 6;
/** Not root: pgbouncer refuses to be. */
const NOBODY = 65_534;

/** A pgbouncer in transaction mode before a server, with fewer connections than its clients have. */
export async function startPooler(targetUrl: string): Promise<Pooler> {
  const target = new URL(targetUrl);
  const folder = mkdtempSync(path.join(os.tmpdir(), 'candlefleet-pooler-'));
  chmodSync(folder, 0o755);
  const port = await freePort();
  const users = path.join(folder, 'users.txt');
  writeFileSync(users, `"${target.username}" "${target.password}"\n`);
  const file = path.join(folder, 'pgbouncer.ini');
  writeFileSync(
    file,
    `[databases]
* = host=${target.hostname} port=${target.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${users}
pool_mode = transaction
default_pool_size = ${CONNECTIONS}
max_client_conn = 200
`,
  );
  const isRoot = process.getuid?.() === 0;
  const child = spawn(process.env['TEST_PGBOUNCER'] ?? 'pgbouncer', [file], {
    env: { ...process.env, LD_LIBRARY_PATH: process.env['TEST_PGBOUNCER_LIBRARIES'] },
    stdio: 'ignore',
    ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}),
  });
  const ended = once(child, 'exit');
  await waitUntil('pgbouncer to listen', () => listens(port), 10_000);
  const url = new URL(targetUrl);
  url.host = `127.0.0.1:${port}`;
  return {
    url: url.href,
    async close() {
      child.kill('SIGINT');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
