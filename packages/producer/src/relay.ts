import { listDueExecutions, type Database, type DueExecution } from '@candlefleet/db';
import { backfillQueueName, type BackfillJob, type QueueConnection } from '@candlefleet/queue';
import type { Logger } from 'pino';
import { byProvider } from './by-provider.js';

export interface RelayDeps {
  readonly db: Database;
  readonly queues: QueueConnection;
  readonly log: Logger;
}

const PAGE = 1_000;

/** Every pending row that is due has an unfinished job, or gets one (protocol, relay). */
export async function relayExecutions({ db, queues, log }: RelayDeps, graceMs: number): Promise<void> {
  let afterId: string | undefined;
  for (;;) {
    const due = await listDueExecutions(db, { graceMs, afterId, limit: PAGE });
    for (const [provider, rows] of byProvider(due)) {
      const counts = await queues.ensureJobs(backfillQueueName(provider), rows.map(toJob));
      if (counts.added + counts.replaced > 0) log.info({ provider, ...counts }, 'jobs added');
    }
    const last = due.at(-1);
    if (!last || due.length < PAGE) return;
    afterId = last.executionId;
  }
}

function toJob(row: DueExecution): BackfillJob & { executionId: string } {
  const { executionId, seriesId, provider, symbol, timeframe, calendar, kind } = row;
  const slot = row.slotMs === null ? {} : { slotMs: row.slotMs };
  return { v: 1, executionId, seriesId, provider, symbol, timeframe, calendar, kind, ...slot };
}
