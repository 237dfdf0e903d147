import PgBoss from 'pg-boss';
import type { Peer } from './peer.js';

const QUEUE = 'tails';

/**
 * pg-boss by its own fetch and complete, as many jobs at a time as are done at once: its workers rest for half a second
 * between two batches.
 */
export async function openPgBoss(databaseUrl: string): Promise<Peer> {
  const boss = new PgBoss({ connectionString: databaseUrl, max: 6, supervise: false, schedule: false });
  boss.on('error', () => {});
  await boss.start();
  await boss.createQueue(QUEUE);
  return {
    name: 'pg-boss',
    async add(seriesIds) {
      await boss.purgeQueue(QUEUE);
      await boss.insert(seriesIds.map((seriesId) => ({ name: QUEUE, data: { seriesId } })));
    },
    async drain(concurrency, handle) {
      for (;;) {
        const jobs = await boss.fetch<{ seriesId: number }>(QUEUE, { batchSize: concurrency });
        if (jobs.length === 0) return;
        await Promise.all(jobs.map((job) => handle(job.data.seriesId)));
        await boss.complete(
          QUEUE,
          jobs.map((job) => job.id),
        );
      }
    },
    close: () => boss.stop({ graceful: false, wait: true }),
  };
}
