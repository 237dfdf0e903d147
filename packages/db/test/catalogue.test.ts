import { createTestDatabase } from '@candlefleet/testing';
import { expect, test } from 'vitest';
import { connectDatabase } from '../src/connect.js';
import { describeCatalogue } from './catalogue.js';

test('the database is what the checked-in catalogue says; `npm run db:catalogue` writes it anew', async () => {
  const database = await createTestDatabase();
  const db = connectDatabase({ url: database.url, applicationName: 'test', poolSize: 1 });
  try {
    await expect(await describeCatalogue(db.sql)).toMatchFileSnapshot('./catalogue.txt');
  } finally {
    await db.close();
    await database.drop();
  }
});
