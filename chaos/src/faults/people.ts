import { setTimeout as sleep } from 'node:timers/promises';
import { listTrackedSeries, startRun } from '@candlefleet/db';
import { backfillQueueName } from '@candlefleet/queue';
import { waitUntil } from '@candlefleet/testing';
import { someWork } from '../stage/watch.js';
import type { Stage } from '../stage/stage.js';
import { answers } from './workers.js';
import { promise, type Fault } from './fault.js';

const QUEUE = backfillQueueName('replay');
const HOUR_MS = 3_600_000;

/** 12: the same backfill asked for ten times at once, and others that overlap it. */
export const sameBackfills: Fault = {
  kind: 'one backfill asked for ten times',
  share: 4,
  async strike({ stage, load }) {
    const symbol = await load.addPast();
    const series = await waitUntil('its series', async () =>
      (await listTrackedSeries(stage.db)).find((one) => one.symbol === symbol),
    );
    const fromMs = Date.UTC(2024, 0, 1);
    const start = (hours: number) =>
      startRun(stage.db, {
        seriesId: series.seriesId,
        range: { fromMs: fromMs + hours * HOUR_MS, toMs: fromMs + (hours + 48) * HOUR_MS },
        requestedBy: 'chaos',
        candlesEstimated: 0,
        requestsEstimated: 0,
      });
    // After a connection was terminated, the driver tells the first statement of the next one that it failed, though it
    // did not. As a person would, one asks again.
    const ask = (hours: number) => start(hours).catch(() => start(hours));
    await Promise.all([...Array.from({ length: 10 }, () => ask(0)), ask(24), ask(36)]);
    return { landed: true, what: symbol };
  },
};

/** 12: a symbol paused, resumed, removed and added again in mid-backfill. */
export const symbolComesAndGoes: Fault = {
  kind: 'a symbol paused, removed and added again',
  share: 4,
  async strike({ stage, load }) {
    const executionId = await load.newExecution();
    const symbol = load.past.at(-1) ?? '';
    await waitUntil(
      'its backfill to be under way',
      async () => {
        const [row] = await stage.db.sql<{ status: string; stored: number }[]>`
          select status, records_inserted as stored from backfill_state_persistent where execution_id = ${executionId}`;
        return row?.status === 'completed' || (row?.stored ?? 0) > 0;
      },
      60_000,
    );
    await load.pauseFor(symbol, 1_000);
    await load.removeAndAdd(symbol, 1_000);
    return { landed: true, what: symbol };
  },
};

/** 12: operators who remove, clean, empty, pause and retry in Bull Board. */
export const operators: Fault = {
  kind: 'operators at random in Bull Board',
  share: 4,
  async strike({ stage, random, longestMs }) {
    await waitUntil('the dashboard', () => answers(stage.dashboardUrl), 60_000);
    const inProgress = await someWork(stage);
    const done: string[] = [];
    const end = performance.now() + Math.min(15_000, longestMs);
    while (performance.now() < end) {
      const path = random.pick([
        'retry/failed',
        'clean/completed',
        'clean/failed',
        'empty',
        'pause',
        'promote',
        'a job',
      ]);
      const status = path === 'a job' ? await removeOne(stage, random.next()) : await change(stage, path);
      promise(status < 500, `Bull Board answered ${status} to ${path}`);
      done.push(path);
      if (path === 'pause') {
        await sleep(500);
        await change(stage, 'resume');
      }
      await sleep(300);
    }
    await change(stage, 'resume');
    return { landed: inProgress > 0 && done.length > 0, what: `${done.length} times` };
  },
};

async function change(stage: Stage, path: string): Promise<number> {
  const url = `${stage.dashboardUrl}/queues/api/queues/${QUEUE}/${path}`;
  const { status } = await fetch(url, { method: 'PUT', signal: AbortSignal.timeout(20_000) });
  return status;
}

/** Removes a job that waits or is at work, as the trash can does. */
async function removeOne(stage: Stage, chance: number): Promise<number> {
  const rows = await stage.db.sql<{ id: string }[]>`
    select execution_id as id from backfill_state_persistent
    where status in ('pending', 'in_progress') and kind <> 'tail'`;
  const row = rows[Math.floor(chance * rows.length)];
  return row ? change(stage, `${row.id}/clean`) : 0;
}
