import { createTestDatabase } from '@candlefleet/testing';
import postgres from 'postgres';
import { expect, test } from 'vitest';
import { readCatalogue } from './read-catalogue.js';

test('a migrated database has what catalogue.txt says', async () => {
  const database = await createTestDatabase();
  const sql = postgres(database.url, { max: 1 });
  try {
    await expect(
      await readCatalogue(sql),
      'If the migrations were meant to change it: npm run db:snapshot',
    ).toMatchFileSnapshot('catalogue.txt');
  } finally {
    await sql.end();
    await database.drop();
  }
});
