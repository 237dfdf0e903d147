import { createServer } from 'node:net';
import { once } from 'node:events';
import { connectDatabase } from '@candlefleet/db';
import { connectQueues, type QueueConnection } from '@candlefleet/queue';
import {
  canStartRedis,
  createTestDatabase,
  queueBackends,
  startRedis,
  startWire,
  testNamespace,
  waitUntil,
  type Wire,
} from '@candlefleet/testing';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startDashboard } from '../src/start-dashboard.js';
import { ask, createBoardFixture, QUEUE, type BoardFixture } from './board-fixture.js';

const log = pino({ level: 'silent' });
const CLOSE = { deadlineMs: 5_000 };

describe.each(queueBackends())('the dashboard, with its queues in $label', (backend) => {
  describe.skipIf(backend.skipped)(':', () => {
    let board: BoardFixture;
    beforeEach(async () => {
      board = await createBoardFixture(backend);
    });
    afterEach(() => board.close());

    const shown = async (): Promise<string[]> => {
      const { text } = await board.ask('GET', '/queues/api/queues');
      const { queues }: { queues: { name: string }[] } = JSON.parse(text);
      return queues.map((queue) => queue.name).sort();
    };

    test('is alive and ready, and shows the queue of each provider and of upkeep', async () => {
      expect(await board.ask('GET', '/healthz')).toMatchObject({ status: 200, text: '{"status":"ok"}' });
      expect(await board.ask('GET', '/readyz')).toMatchObject({
        status: 200,
        text: '{"database":"ok","queue":"ok"}',
      });
      expect(await shown()).toEqual([QUEUE, 'maintenance']);
      const front = await board.ask('GET', '/');
      expect([front.status, front.headers.location]).toEqual([302, '/queues']);
      expect((await board.ask('GET', '/nowhere')).status).toBe(404);
    });

    test("a new provider's queue is shown by the next look, without a restart", async () => {
      await board.track('q');
      await waitUntil('the new queue', async () => (await shown()).includes('backfill-q'), 5_000);
      expect(await shown()).toEqual([QUEUE, 'backfill-q', 'maintenance']);
    });

    test('a job and its execution can be seen', async () => {
      const [id = ''] = await board.failed(1);
      const { text } = await board.ask('GET', `/queues/api/queues/${QUEUE}/${id}`);
      expect(JSON.parse(text)).toMatchObject({
        job: { id, failedReason: 'planted: planted' },
        status: 'failed',
      });
    });
  });
});

describe('readiness', () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let wire: Wire;
  const closing: (() => Promise<unknown>)[] = [];
  beforeEach(async () => {
    database = await createTestDatabase();
    wire = await startWire(database.url);
  });
  afterEach(async () => {
    await wire.restore();
    for (const close of closing.splice(0).reverse()) await close();
    await wire.close();
    await database.drop();
  });

  /** The warehouse is behind the wire; the queues are in Postgres behind it too, or in Redis. */
  async function start(redisUrl?: string) {
    const db = connectDatabase({ url: wire.url, applicationName: 'test', poolSize: 2 });
    closing.push(() => db.close());
    const queues: QueueConnection = await connectQueues({
      redisUrl,
      databaseUrl: wire.url,
      namespace: testNamespace(),
      applicationName: 'test',
      log,
    });
    closing.push(() => queues.close(CLOSE));
    const dashboard = await startDashboard({ db, queues, port: 0, log, refreshMs: 100 });
    closing.push(() => dashboard.close());
    return async (path = '/readyz') => {
      const { status, text } = await ask(dashboard.url, 'GET', path);
      return { status, told: JSON.parse(text) };
    };
  }

  test('ends while Postgres is away, and comes back with it; the process stays alive', async () => {
    const probe = await start();
    expect(await probe()).toEqual({ status: 200, told: { database: 'ok', queue: 'ok' } });
    await wire.cut();
    const away = await probe();
    expect(away.status).toBe(503);
    expect(away.told.database).not.toBe('ok');
    expect(away.told.queue).not.toBe('ok');
    expect((await probe('/healthz')).status).toBe(200);
    await wire.restore();
    await waitUntil('it to be ready again', async () => (await probe()).status === 200);
    expect((await probe('/queues/api/queues')).status).toBe(200);
  });

  test('ends within seconds while Postgres swallows what it is sent', async () => {
    const probe = await start();
    await probe();
    wire.swallow();
    const before = performance.now();
    expect((await probe()).status).toBe(503);
    expect(performance.now() - before).toBeLessThan(6_000);
  });

  test.skipIf(!canStartRedis())(
    `ends while Redis is away, and comes back with it${canStartRedis() ? '' : ' [skipped: no Redis]'}`,
    async () => {
      const redis = await startRedis('--maxmemory-policy', 'noeviction');
      const redisWire = await startWire(redis.url);
      try {
        const probe = await start(redisWire.url);
        expect(await probe()).toEqual({ status: 200, told: { database: 'ok', queue: 'ok' } });
        await redisWire.cut();
        const away = await probe();
        expect(away).toMatchObject({ status: 503, told: { database: 'ok' } });
        expect(away.told.queue).not.toBe('ok');
        await redisWire.restore();
        await waitUntil('it to be ready again', async () => (await probe()).status === 200);
        for (const close of closing.splice(0).reverse()) await close();
      } finally {
        await redisWire.close();
        await redis.stop();
      }
    },
  );

  test('a port that is in use is told by its name, and how to choose another', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const db = connectDatabase({ url: database.url, applicationName: 'test', poolSize: 1 });
    const queues = await connectQueues({
      databaseUrl: database.url,
      namespace: testNamespace(),
      applicationName: 't',
      log,
    });
    try {
      await expect(startDashboard({ db, queues, port, log })).rejects.toMatchObject({
        code: 'bad_input',
        message: expect.stringMatching(new RegExp(`Port ${port} is in use.*DASHBOARD_PORT`)),
      });
    } finally {
      await queues.close(CLOSE);
      await db.close();
      await new Promise((resolve) => other.close(resolve));
    }
  });
});
