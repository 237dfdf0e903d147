import {
  createTestDatabase,
  forgetNamespace,
  freePort,
  queueBackends,
  startWire,
  testNamespace,
  waitUntil,
  type TestDatabase,
  type Wire,
} from '@candlefleet/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { probe, startRole, type RoleProcess } from './role-process.js';

const SHUTDOWN_SECONDS = 2;
const RED_WITHIN_MS = 5_000;
/** Beside the deadline itself, for a busy machine. */
const SLACK_MS = 2_500;

describe.each(queueBackends())('with the queues in $label', (backend) => {
  describe.skipIf(backend.skipped)(':', () => {
    let database: TestDatabase;
    let wires: Record<string, Wire>;
    let namespace: string;
    let env: NodeJS.ProcessEnv;
    const roles: RoleProcess[] = [];
    beforeEach(async () => {
      namespace = testNamespace();
      database = await createTestDatabase();
      const postgres = await startWire(database.url);
      wires = { Postgres: postgres };
      env = { DATABASE_URL: postgres.url, REDIS_URL: '', QUEUE_NAMESPACE: namespace };
      if (backend.redisUrl) {
        wires['Redis'] = await startWire(backend.redisUrl);
        env['REDIS_URL'] = wires['Redis'].url;
      }
    });
    afterEach(async () => {
      for (const role of roles.splice(0)) {
        role.kill('SIGKILL');
        await role.ended;
      }
      await Promise.all(Object.values(wires).map((wire) => wire.close()));
      await forgetNamespace(backend.redisUrl, namespace);
      await database.drop();
    });

    const start = (role: string, more: NodeJS.ProcessEnv = {}) => {
      const shutdown = { SHUTDOWN_SECONDS: String(SHUTDOWN_SECONDS) };
      const started = startRole(role, { ...env, ...shutdown, ...more });
      roles.push(started);
      return started;
    };
    /** Asks it to end. Answers whether it did so by itself, in time. */
    const endsInTime = async (role: RoleProcess) => {
      const since = performance.now();
      role.kill('SIGTERM');
      const code = await role.ended;
      return code !== null && performance.now() - since < SHUTDOWN_SECONDS * 1_000 + SLACK_MS;
    };
    const ready = (url: string, isReady: boolean) =>
      waitUntil(
        `${url} to be ${isReady ? '' : 'un'}ready`,
        async () => (await probe(url, 'readyz')).status === (isReady ? 200 : 503),
      );

    test.each(backend.redisUrl ? ['Postgres', 'Redis'] : ['Postgres'])(
      'every process is unready within 5 s of losing %s, ready after, and ends in time without it',
      async (name) => {
        const kept = [
          start('worker'),
          start('producer'),
          start('dashboard', { DASHBOARD_PORT: String(await freePort()) }),
        ];
        const other = start('worker');
        const urls = await Promise.all(kept.map((role) => role.probes));
        await other.probes;
        await Promise.all(urls.map((url) => ready(url, true)));

        await wires[name]?.cut();
        const cutAt = performance.now();
        const cutTime = Date.now();
        await Promise.all(urls.map((url) => ready(url, false)));
        expect(performance.now() - cutAt).toBeLessThan(RED_WITHIN_MS);
        for (const url of urls) {
          const { failed } = await probe(url, 'readyz');
          expect(failed).toMatchObject([{ check: name, remedy: expect.stringContaining('_URL') }]);
          expect(Date.parse(failed[0]?.since ?? '')).toBeGreaterThan(cutTime);
          // Not a reason to be restarted.
          expect((await probe(url, 'healthz')).status).toBe(200);
        }
        expect(await endsInTime(other)).toBe(true);
        await wires[name]?.restore();
        await Promise.all(urls.map((url) => ready(url, true)));

        wires[name]?.swallow();
        expect(await Promise.all(kept.map(endsInTime))).toEqual([true, true, true]);
      },
    );
  });
});
