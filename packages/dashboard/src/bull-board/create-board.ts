import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import { oneAtATime } from '@candlefleet/core';
import { listProviders, type Database } from '@candlefleet/db';
import { backfillQueueName, MAINTENANCE_QUEUE, type QueueConnection } from '@candlefleet/queue';
import type { Logger } from 'pino';
import type { Router } from 'express';

export interface BullBoard {
  readonly router: Router;
  /** Shows queues that are new. */
  refresh(): Promise<void>;
  /** Whether there is such a queue; one that is new is shown by asking for it. */
  shows(queue: string): Promise<boolean>;
}

/** Bull Board over the queues of all providers, and of upkeep. */
export function createBoard(options: {
  db: Database;
  queues: QueueConnection;
  basePath: string;
  log: Logger;
}): BullBoard {
  const { db, queues, basePath, log } = options;
  const adapter = new ExpressAdapter();
  adapter.setBasePath(basePath);
  adapter.getRouter().disable('x-powered-by');
  const board = createBullBoard({
    queues: [],
    serverAdapter: adapter,
    options: { uiConfig: { boardTitle: 'candlefleet', hideRedisDetails: queues.backend === 'postgres' } },
  });
  const shown = new Set<string>();

  const refresh = oneAtATime(async () => {
    for (const name of [...(await listProviders(db)).map(backfillQueueName), MAINTENANCE_QUEUE]) {
      if (shown.has(name)) continue;
      // One that could not connect would stay so for ever (HAZARDS, rule 2): then the next look adds it.
      board.addQueue(new BullMQAdapter(await queues.open(name)));
      shown.add(name);
      log.debug({ queue: name }, 'shown in Bull Board');
    }
  });

  return {
    router: adapter.getRouter(),
    refresh,
    async shows(queue) {
      if (!shown.has(queue)) await refresh();
      return shown.has(queue);
    },
  };
}
