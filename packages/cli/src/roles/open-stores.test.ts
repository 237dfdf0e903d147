import { systemClock } from '@candlefleet/core';
import { createHealth } from '@candlefleet/health';
import {
  createTestDatabase,
  forgetNamespace,
  queueBackends,
  startWire,
  testNamespace,
  waitUntil,
} from '@candlefleet/testing';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { readSettings } from '../environment.js';
import { openStores } from './open-stores.js';

/** With Redis where there is one: its silence and that of Postgres are found in one go. */
const backend = queueBackends().findLast(({ skipped }) => !skipped);

test('a process whose connections all died silently is unready, and ready again by itself', async () => {
  const log = pino({ level: 'silent' });
  const database = await createTestDatabase();
  const namespace = testNamespace();
  const postgres = await startWire(database.url);
  const redis = backend?.redisUrl ? await startWire(backend.redisUrl) : undefined;
  const health = createHealth({ clock: systemClock, log });
  const env = { DATABASE_URL: postgres.url, REDIS_URL: redis?.url, QUEUE_NAMESPACE: namespace };
  const stores = await openStores('dashboard', {
    settings: readSettings(env),
    log,
    signal: new AbortController().signal,
    health,
  });
  const isReady = () => health.answer('readyz').status === 200;
  try {
    await waitUntil('it to be ready', isReady);
    postgres.reroute();
    redis?.reroute();
    await waitUntil('it to be unready', () => !isReady());
    expect(stores.answerSince()).toBeUndefined();
    await waitUntil('it to be ready again', isReady);
  } finally {
    health.close();
    postgres.reset();
    redis?.reset();
    await stores.close(5_000);
    await postgres.close();
    await redis?.close();
    await forgetNamespace(backend?.redisUrl, namespace);
    await database.drop();
  }
});
