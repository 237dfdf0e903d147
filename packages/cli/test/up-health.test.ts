import {
  createTestDatabase,
  forgetNamespace,
  queueBackends,
  startWire,
  testNamespace,
} from '@candlefleet/testing';
import { expect, test } from 'vitest';
import { makeDataDir, startProgram } from './program.js';

const redis = queueBackends().find(({ name }) => name === 'redis');

test.skipIf(redis?.skipped)(
  `npm start: a worker that hangs after its connections to Redis died silently is ended and started again${redis?.skipped ? ' [skipped: no Redis]' : ''}`,
  async () => {
    const { dataDir, remove } = makeDataDir();
    const database = await createTestDatabase();
    const namespace = testNamespace();
    const wire = await startWire(redis?.redisUrl ?? '');
    const program = startProgram(['--data-dir', dataDir, 'up', '--source', 'replay'], {
      DATABASE_URL: database.url,
      REDIS_URL: wire.url,
      QUEUE_NAMESPACE: namespace,
      UP_WORKERS: '1',
      PROGRESS_SECONDS: '1',
      SHUTDOWN_SECONDS: '2',
    });
    try {
      await program.said('candlefleet is ready');
      // New connections are served; those that there are stay silent.
      wire.reroute();
      await program.said('worker-1 is not well, and is ended: progress: ');
      await program.said('worker-1 ended');
      expect((await program.end('SIGTERM')).stderr).toMatch(
        /worker-1 is not well, and is ended: progress: (jobs of backfill-replay wait|execution \S+ has not got on)/,
      );
    } finally {
      await program.end('SIGKILL');
      await wire.close();
      await forgetNamespace(redis?.redisUrl, namespace);
      await database.drop();
      remove();
    }
  },
  120_000,
);
