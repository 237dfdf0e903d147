import { setTimeout as sleep } from 'node:timers/promises';
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import type { Peer } from './peer.js';

const TASK = 'tail';
const LOOK_EVERY_MS = 10;

/** graphile-worker as it is, or with the batching that its own page on performance advises where many jobs wait. */
export async function openGraphileWorker(databaseUrl: string, isBatching: boolean): Promise<Peer> {
  const logger = new Logger(() => () => {});
  const utils = await makeWorkerUtils({ connectionString: databaseUrl, logger });
  await utils.migrate();
  const count = () =>
    utils.withPgClient(async (client) => {
      const { rows } = await client.query('select count(*)::int as left from graphile_worker.jobs');
      return Number(rows[0].left);
    });
  return {
    name: isBatching ? 'graphile-worker, batching' : 'graphile-worker',
    async add(seriesIds) {
      await utils.withPgClient((client) =>
        client.query('select graphile_worker.complete_jobs(array(select id from graphile_worker.jobs))'),
      );
      await utils.addJobs(seriesIds.map((seriesId) => ({ identifier: TASK, payload: { seriesId } })));
    },
    async drain(concurrency, handle) {
      const batching = { localQueue: { size: 2 * concurrency }, completeJobBatchDelay: 0 };
      const total = await count();
      let handled = 0;
      const runner = await run({
        connectionString: databaseUrl,
        maxPoolSize: 10,
        concurrency,
        noHandleSignals: true,
        logger,
        preset: { worker: isBatching ? batching : {} },
        taskList: {
          async [TASK](payload) {
            await handle(seriesIdOf(payload));
            handled += 1;
          },
        },
      });
      while (handled < total || (await count()) > 0) await sleep(LOOK_EVERY_MS);
      await runner.stop();
    },
    async close() {
      await utils.release();
    },
  };
}

function seriesIdOf(payload: unknown): number {
  return Number(Object(payload).seriesId);
}
