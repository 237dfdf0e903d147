import { createTestDatabase } from '@candlefleet/testing';
import { expect, test } from 'vitest';
import { connectDatabase } from '../src/connect.js';
import { readConnectionRoom } from '../src/queries/connection-room.js';

test('the room of a server is what it gives to all but superusers, and what is open counts', async () => {
  const database = await createTestDatabase();
  const db = connectDatabase({ url: database.url, applicationName: 'test', poolSize: 2 });
  const { most, inUse } = await readConnectionRoom(db);
  const [row] = await db.sql<{ all: number }[]>`select current_setting('max_connections')::int as all`;
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThan(row?.all ?? 0);
  expect(inUse).toBeGreaterThan(0);
  await db.close();
  await database.drop();
});
