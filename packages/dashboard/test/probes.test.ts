import { createServer } from 'node:net';
import { once } from 'node:events';
import { systemClock } from '@candlefleet/core';
import { connectDatabase } from '@candlefleet/db';
import { createHealth } from '@candlefleet/health';
import { connectQueues } from '@candlefleet/queue';
import { createTestDatabase, queueBackends, testNamespace, waitUntil } from '@candlefleet/testing';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startDashboard } from '../src/start-dashboard.js';
import { createBoardFixture, QUEUE, type BoardFixture } from './board-fixture.js';

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
      for (const probe of ['/healthz', '/readyz'])
        expect(await board.ask('GET', probe)).toMatchObject({
          status: 200,
          text: '{"status":"ok","checks":[]}',
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

test('a port that is in use is told by its name, and how to choose another', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const address = other.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const database = await createTestDatabase();
  const db = connectDatabase({ url: database.url, applicationName: 'test', poolSize: 1 });
  const queues = await connectQueues({
    databaseUrl: database.url,
    namespace: testNamespace(),
    applicationName: 't',
    log,
  });
  try {
    const health = createHealth({ clock: systemClock, log });
    await expect(startDashboard({ db, queues, health, port, log })).rejects.toMatchObject({
      code: 'bad_input',
      message: expect.stringMatching(new RegExp(`Port ${port} is in use.*DASHBOARD_PORT`)),
    });
  } finally {
    await queues.close(CLOSE);
    await db.close();
    await database.drop();
    await new Promise((resolve) => other.close(resolve));
  }
});
