import { once } from 'node:events';
import { connect as connectSocket, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  canStartRedis,
  createTestDatabase,
  forgetNamespace,
  queueBackends,
  startRedis,
  testNamespace,
  waitUntil,
} from '@candlefleet/testing';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectQueues } from '../src/connect-queues.js';

const log = pino({ level: 'silent' });

/** A way to a server that can be shut and opened. */
async function createGate(target: URL) {
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  await new Promise((resolve) => probe.close(resolve));
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  return {
    url: url.href,
    async open() {
      server = createServer((near) => {
        const far = connectSocket(Number(target.port), target.hostname);
        for (const socket of [near, far]) {
          sockets.add(socket);
          socket.on('error', () => {});
          socket.on('close', () => [near, far].forEach((one) => one.destroy()));
        }
        near.pipe(far).pipe(near);
      }).listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
    async shut() {
      server?.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

describe.each(queueBackends())('connecting to $name', ({ redisUrl, skipped }) => {
  describe.skipIf(skipped)(skipped ? `[skipped: ${skipped}]` : 'when it is not there:', () => {
    const namespace = testNamespace();
    let database: Awaited<ReturnType<typeof createTestDatabase>>;
    beforeEach(async () => {
      database = await createTestDatabase({ empty: true });
    });
    afterEach(async () => {
      await forgetNamespace(redisUrl, namespace);
      await database.drop();
    });

    test('waits for it, and works once it is up', async () => {
      const gate = await createGate(new URL(redisUrl ?? database.url));
      const [viaRedis, viaPostgres] = redisUrl ? [gate.url, database.url] : [undefined, gate.url];
      const connecting = connectQueues({
        redisUrl: viaRedis,
        databaseUrl: viaPostgres,
        namespace,
        applicationName: 'test',
        log,
      });
      // Long enough for its first try to be refused.
      await expect(Promise.race([connecting, sleep(500, 'waiting')])).resolves.toBe('waiting');
      await gate.open();
      const queues = await connecting;
      expect(await queues.waitingTails('q')).toBe(0);
      await queues.close({ deadlineMs: 5_000 });
      await gate.shut();
    });

    test('stops waiting when it is told to', async () => {
      const gate = await createGate(new URL(redisUrl ?? database.url));
      const stop = new AbortController();
      const [viaRedis, viaPostgres] = redisUrl ? [gate.url, database.url] : [undefined, gate.url];
      const connecting = connectQueues({
        redisUrl: viaRedis,
        databaseUrl: viaPostgres,
        namespace,
        applicationName: 'test',
        log,
        signal: stop.signal,
      });
      stop.abort();
      await expect(connecting).rejects.toThrow();
    });

    test('calls fail in time when it goes away, work again when it is back, and closing never hangs', async () => {
      const gate = await createGate(new URL(redisUrl ?? database.url));
      await gate.open();
      const [viaRedis, viaPostgres] = redisUrl ? [gate.url, database.url] : [undefined, gate.url];
      const queues = await connectQueues({
        redisUrl: viaRedis,
        databaseUrl: viaPostgres,
        namespace,
        applicationName: 'test',
        log,
      });
      expect(await queues.waitingTails('q')).toBe(0);
      await gate.shut();
      await expect(queues.waitingTails('other')).rejects.toThrow();
      await gate.open();
      await waitUntil('it to work again', async () => (await queues.waitingTails('q').catch(() => -1)) === 0);
      await gate.shut();
      await queues.close({ deadlineMs: 2_000 });
    });
  });
});

const noServer = canStartRedis() ? undefined : '[skipped: no Redis]';
describe.skipIf(noServer)(`a Redis that evicts ${noServer ?? ''}`, () => {
  test('is refused with the reason and the command, unless it is allowed by name', async () => {
    const server = await startRedis('--maxmemory-policy', 'allkeys-lru');
    const options = {
      redisUrl: server.url,
      databaseUrl: '',
      namespace: testNamespace(),
      applicationName: 'test',
      log,
    };
    try {
      await expect(connectQueues(options)).rejects.toMatchObject({
        code: 'queue_unusable',
        message: expect.stringContaining('CONFIG SET maxmemory-policy noeviction'),
      });
      const queues = await connectQueues({ ...options, allowEvictingRedis: true });
      await queues.close({ deadlineMs: 5_000 });
    } finally {
      await server.stop();
    }
  });
});
