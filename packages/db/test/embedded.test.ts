import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { waitUntil } from '@candlefleet/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isRunning } from '../src/embedded/postmaster.js';
import { chooseServerUser } from '../src/embedded/server-user.js';
import { embeddedFolder, startEmbeddedPostgres } from '../src/embedded/start-embedded.js';
import { ask, createEmbeddedFixture, isRoot, postmasterOf } from './embedded-fixture.js';

const fixture = createEmbeddedFixture();
beforeAll(() => fixture.prepare());
afterAll(() => fixture.close());

const SECOND = "select 'kept' as value";
const keep = (url: string) => ask(url, `create table if not exists keep as ${SECOND}`);
const kept = (url: string) => ask(url, 'select value from keep');

describe('the embedded Postgres', () => {
  test('is UTF-8, C and UTC whatever the environment says, on loopback alone, behind a password that only its owner reads', async () => {
    const server = await startEmbeddedPostgres({ dataDir: fixture.folder() });
    try {
      const [settings] = await ask(
        server.url,
        `select current_setting('server_encoding') as encoding, current_setting('lc_messages') as messages,
          current_setting('TimeZone') as timezone, current_setting('listen_addresses') as listens,
          current_setting('unix_socket_directories') as sockets, current_setting('password_encryption') as encryption,
          (select datcollate || ' ' || datctype from pg_database where datname = current_database()) as locale`,
      );
      expect(settings).toEqual({
        encoding: 'UTF8',
        messages: 'C',
        timezone: 'UTC',
        listens: '127.0.0.1',
        sockets: '',
        encryption: 'scram-sha-256',
        locale: 'C C',
      });
      const file = path.join(server.folder, 'password');
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(readFileSync(file, 'utf8').length).toBeGreaterThanOrEqual(32);
      expect(statSync(path.join(server.folder, 'data')).mode & 0o777).toBe(0o700);
      const wrong = new URL(server.url);
      wrong.password = 'guess';
      await expect(ask(wrong.href, 'select 1')).rejects.toMatchObject({ code: '28P01' });
    } finally {
      await server.close();
    }
  });

  test('that survived its owner is adopted by the next one, with its port and its data', async () => {
    const dataDir = fixture.folder();
    const first = await fixture.own(dataDir);
    await keep(first.url);
    await first.kill();
    expect(isRunning(first.postmaster)).toBe(true);
    const link = `${dataDir}-link`;
    symlinkSync(dataDir, link);
    const second = await fixture.own(link);
    expect(second).toMatchObject({ adopted: true, port: first.port, postmaster: first.postmaster });
    expect(await kept(second.url)).toEqual([{ value: 'kept' }]);
    await second.stop();
    expect(isRunning(first.postmaster)).toBe(false);
  });

  test('has one owner: the second is refused with the pid of the first, and harms nothing', async () => {
    const dataDir = fixture.folder();
    const first = await fixture.own(dataDir);
    await expect(fixture.own(dataDir)).rejects.toMatchObject({
      code: 'database_unusable',
      message: expect.stringMatching(new RegExp(`in use by process ${first.pid}\\b.*--data-dir`)),
    });
    expect(await ask(first.url, SECOND)).toHaveLength(1);
    await first.stop();
  });

  test('has one owner when several come at once', async () => {
    const dataDir = fixture.folder();
    const endings = await Promise.allSettled([1, 2, 3].map(() => fixture.own(dataDir)));
    const owners = endings.filter((one) => one.status === 'fulfilled');
    expect(owners).toHaveLength(1);
    for (const one of endings)
      if (one.status === 'rejected') expect(String(one.reason)).toContain('in use by process');
    for (const { value } of owners) await value.stop();
  });

  test('that was killed is started again, by its owner on the same port, and by the next owner', async () => {
    const dataDir = fixture.folder();
    const server = await startEmbeddedPostgres({ dataDir });
    await keep(server.url);
    expect(await server.revive()).toBe(false);
    const busy = ask(server.url, 'select pg_sleep(600)').catch((error: unknown) => error);
    await waitUntil(
      'a session at work',
      async () =>
        (
          await ask(
            server.url,
            "select 1 from pg_stat_activity where query like '%pg_sleep(6%' and state = 'active' and pid <> pg_backend_pid()",
          )
        ).length,
    );
    process.kill(postmasterOf(server.folder), 'SIGKILL');
    await busy;
    await waitUntil('it to be gone', () => !isRunning(postmasterOf(server.folder)));
    expect(await server.revive()).toBe(true);
    expect(await kept(server.url)).toEqual([{ value: 'kept' }]);
    await server.close();

    const owner = await fixture.own(dataDir);
    process.kill(owner.postmaster, 'SIGKILL');
    await owner.kill();
    const next = await fixture.own(dataDir);
    expect(next.adopted).toBe(false);
    expect(next.postmaster).not.toBe(owner.postmaster);
    expect(await kept(next.url)).toEqual([{ value: 'kept' }]);
    await next.stop();
  });

  test('starts over a stale pid file whose number belongs to somebody else by now', async () => {
    const dataDir = fixture.folder();
    const user = chooseServerUser();
    // Of the very user that the server runs as: Postgres alone would take it for a living server.
    const stranger = spawn('sleep', ['600'], user ? { uid: user.uid, gid: user.gid } : {});
    await once(stranger, 'spawn');
    fixture.watch(stranger);
    const owner = await fixture.own(dataDir);
    const file = path.join(owner.folder, 'data', 'postmaster.pid');
    const lines = readFileSync(file, 'utf8').split('\n');
    await owner.stop();
    writeFileSync(file, [String(stranger.pid), ...lines.slice(1)].join('\n'));
    const next = await fixture.own(dataDir);
    expect(next.adopted).toBe(false);
    expect(await ask(next.url, SECOND)).toHaveLength(1);
    expect(isRunning(stranger.pid ?? 0)).toBe(true);
    await next.stop();
  });

  test('of another Postgres major is refused, with the way out', async () => {
    const dataDir = fixture.folder();
    const file = path.join(embeddedFolder(dataDir), 'data', 'PG_VERSION');
    const ours = readFileSync(file, 'utf8').trim();
    writeFileSync(file, '15\n');
    const refusal = {
      code: 'database_unusable',
      message: expect.stringMatching(/made by Postgres 15.*pg_dump.*reset --yes/s),
    };
    await expect(startEmbeddedPostgres({ dataDir })).rejects.toMatchObject(refusal);
    expect(existsSync(path.join(embeddedFolder(dataDir), 'owner.pid'))).toBe(false);
    writeFileSync(file, `${ours}\n`);
    await (await startEmbeddedPostgres({ dataDir })).close();
  });

  test('that cannot start says so with the last words of its log', async () => {
    const taken = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    await expect(startEmbeddedPostgres({ dataDir: fixture.folder(), port })).rejects.toMatchObject({
      code: 'database_unusable',
      message: expect.stringMatching(/did not start.*Address already in use/s),
    });
    await new Promise((resolve) => taken.close(resolve));
  });

  test.skipIf(!isRoot)(
    `of root, in a folder that only root may enter, lies where its own user can reach it, and is not root's${isRoot ? '' : ' [skipped: not root]'}`,
    async () => {
      const dataDir = fixture.folder(0o700);
      const owner = await fixture.own(dataDir);
      expect(owner.folder).toBe(embeddedFolder(dataDir));
      expect(owner.folder.startsWith(dataDir)).toBe(false);
      expect(statSync(path.join(owner.folder, 'data')).uid).toBe(chooseServerUser()?.uid);
      expect(statSync(`/proc/${owner.postmaster}`).uid).toBe(chooseServerUser()?.uid);
      expect(statSync(path.join(owner.folder, 'password'))).toMatchObject({ uid: 0 });
      await owner.stop();
    },
  );
});
