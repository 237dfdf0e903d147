import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '@candlefleet/testing';
import { busyWorker, glance, someWork } from '../stage/watch.js';
import type { Fault } from './fault.js';

/** 4: the ways in which a server goes away. */
export const serverEnds: Fault[] = (
  [
    ['Postgres restarted', 'SIGINT'],
    ['Postgres stopped at once', 'SIGQUIT'],
    ['Postgres killed', 'SIGKILL'],
  ] as const
).map(([kind, signal]) => ({
  kind,
  share: 8,
  async strike({ stage }) {
    const inProgress = await someWork(stage);
    await stage.postgres.end(signal);
    await stage.postgres.revive();
    return { landed: inProgress > 0, what: `${inProgress} in progress` };
  },
}));

export const postgresDown: Fault = {
  kind: 'Postgres down for a minute',
  share: 1,
  async strike({ stage, longestMs }) {
    const inProgress = await someWork(stage);
    await stage.postgres.end('SIGINT');
    await sleep(Math.min(60_000, longestMs));
    await stage.postgres.revive();
    return { landed: inProgress > 0, what: `${inProgress} in progress` };
  },
};

export const postgresDownAtBoot: Fault = {
  kind: 'Postgres down at the boot of all',
  share: 4,
  async strike({ stage, longestMs }) {
    const { unfinished } = await glance(stage);
    const { all } = stage.processes;
    await Promise.all(all.map((one) => one.rest()));
    await stage.postgres.end('SIGINT');
    for (const one of all) one.wake();
    await sleep(Math.min(15_000, longestMs));
    await stage.postgres.revive();
    return { landed: unfinished > 0, what: `${all.length} processes, ${unfinished} unfinished` };
  },
};

export const connectionsTerminated: Fault = {
  kind: 'connections terminated one by one',
  share: 8,
  async strike({ stage }) {
    const inProgress = await someWork(stage);
    const rows = await stage.db.sql<{ pid: number }[]>`
      select pid from pg_stat_activity
      where datname = current_database() and backend_type = 'client backend' and application_name <> 'chaos'`;
    for (const { pid } of rows) {
      await stage.db.sql`select pg_terminate_backend(${pid})`;
      await sleep(50);
    }
    return { landed: inProgress > 0 && rows.length > 0, what: `${rows.length} connections` };
  },
};

export const outcomeUnknown: Fault = {
  kind: "COMMIT's outcome unknown",
  share: 8,
  async strike({ stage }) {
    const worker = await busyWorker(stage);
    const wire = stage.wiresOf(worker).postgres;
    const before = await glance(stage);
    // Statements arrive and are done; their answers do not come back, and then the line is dead.
    wire.swallowAnswers();
    await waitUntil(
      'a chunk whose answer is lost',
      async () => (await glance(stage)).stored > before.stored,
      20_000,
    );
    await sleep(500);
    await wire.restore();
    return { landed: true, what: worker.name };
  },
};
