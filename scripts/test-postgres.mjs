// A Postgres of the tests' own, with a migrated database that each test clones.
import { rmSync } from 'node:fs';
import postgres from '../packages/db/node_modules/postgres/src/index.js';
import { migrateDatabase, startEmbeddedPostgres } from '../packages/db/dist/index.js';

/** `isDurable` leaves it as the embedded server is by default. */
export async function startTestPostgres(dataDir, { isDurable = false } = {}) {
  const server = await startEmbeddedPostgres({ dataDir });
  const sql = postgres(server.url, { max: 1, onnotice: () => {} });
  // The tests kill processes, not the machine: nothing here must outlive a power cut.
  for (const name of isDurable ? [] : ['fsync', 'full_page_writes', 'synchronous_commit'])
    await sql.unsafe(`alter system set ${name} = off`);
  await sql`select pg_reload_conf()`;
  await sql`create database candlefleet_template`;
  await sql.end();
  const url = new URL(server.url);
  url.pathname = '/candlefleet_template';
  await migrateDatabase(url.href);
  return {
    url: server.url,
    async stop() {
      await server.close();
      // As root it lies outside of the suite's folder.
      rmSync(server.folder, { recursive: true, force: true });
    },
  };
}
