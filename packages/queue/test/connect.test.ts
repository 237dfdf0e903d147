import { setTimeout as sleep } from 'node:timers/promises';
import {
  canStartRedis,
  createTestDatabase,
  forgetNamespace,
  queueBackends,
  startRedis,
  startWire,
  testNamespace,
  waitUntil,
} from '@candlefleet/testing';
import pg from 'pg';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectQueues } from '../src/connect-queues.js';

const log = pino({ level: 'silent' });
/** "BULL": MIGRATION_ADVISORY_LOCK_KEY. */
const BULLMQ_MIGRATION_LOCK = 0x42554c4c;

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
      const gate = await startWire(redisUrl ?? database.url);
      await gate.cut();
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
      await gate.restore();
      const queues = await connecting;
      expect(await queues.waitingTails('q')).toBe(0);
      await queues.close({ deadlineMs: 5_000 });
      await gate.cut();
    });

    test('stops waiting when it is told to', async () => {
      const gate = await startWire(redisUrl ?? database.url);
      await gate.cut();
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
      await expect(connecting).rejects.toThrow(Error);
    });

    test('calls fail in time when it goes away, work again when it is back, and closing never hangs', async () => {
      const gate = await startWire(redisUrl ?? database.url);
      const [viaRedis, viaPostgres] = redisUrl ? [gate.url, database.url] : [undefined, gate.url];
      const queues = await connectQueues({
        redisUrl: viaRedis,
        databaseUrl: viaPostgres,
        namespace,
        applicationName: 'test',
        log,
      });
      expect(await queues.waitingTails('q')).toBe(0);
      await gate.cut();
      await expect(queues.waitingTails('other')).rejects.toThrow(Error);
      await gate.restore();
      await waitUntil('it to work again', async () => (await queues.waitingTails('q').catch(() => -1)) === 0);
      await gate.cut();
      await queues.close({ deadlineMs: 2_000 });
    });
  });
});

test('a Postgres that goes away while a queue is being opened is told, takes no process down, and can be opened after', async () => {
  const database = await createTestDatabase({ empty: true });
  const wire = await startWire(database.url);
  const namespace = testNamespace();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const queues = await connectQueues({ databaseUrl: wire.url, namespace, applicationName: 'test', log });
  try {
    // BullMQ's documented lock holds its migration up, with a client taken from the pool.
    await client.query('select pg_advisory_lock($1, hashtext($2))', [BULLMQ_MIGRATION_LOCK, namespace]);
    const opening = queues.open('q').catch((error: unknown) => error);
    await waitUntil('the migration to wait', async () => {
      const { rowCount } = await client.query(
        "select 1 from pg_stat_activity where datname = current_database() and wait_event = 'advisory'",
      );
      return rowCount;
    });
    await wire.cut();
    expect(await opening).toBeInstanceOf(Error);
    await client.query('select pg_advisory_unlock_all()');
    await wire.restore();
    expect(await queues.waitingTails('q')).toBe(0);
  } finally {
    await queues.close({ deadlineMs: 5_000 });
    await client.end();
    await wire.close();
    await database.drop();
  }
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
