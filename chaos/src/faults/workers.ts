import { setTimeout as sleep } from 'node:timers/promises';
import { listAttempts, readExecution, type ExecutionRow } from '@candlefleet/db';
import { waitUntil } from '@candlefleet/testing';
import { POINTS, type Point } from '../stage/charges.js';
import { busyWorker, glance, heldBy, someWork } from '../stage/watch.js';
import type { Stage } from '../stage/stage.js';
import { promise, type Fault } from './fault.js';

const CHARGE_PATIENCE_MS = 20_000;
const UNFINISHED: readonly ExecutionRow['status'][] = ['pending', 'in_progress'];
/** Some points are passed by what went wrong alone: then nobody may come by. */
const isRarelyPassed = (point: Point) => point.startsWith('finish');

/** 1: kill -9 at each named point. */
export const killedAtPoints: Fault[] = POINTS.map((point) => ({
  kind: `worker killed at ${point}`,
  share: 4,
  async strike({ stage }) {
    await someWork(stage);
    const before = stage.charges.struck().length;
    stage.charges.lay(point, { do: 'kill' });
    try {
      if (isRarelyPassed(point)) await provokeFinish(stage);
      await waitUntil(
        `a worker to pass ${point}`,
        () => stage.charges.struck().length > before,
        CHARGE_PATIENCE_MS,
      );
    } finally {
      stage.charges.lift(point);
    }
    return { landed: true, what: `pid ${stage.charges.struck().at(-1)?.pid ?? '?'}` };
  },
}));

/** A worker that is told to stop hands its work back: that is a finish. */
async function provokeFinish(stage: Stage): Promise<void> {
  const worker = await busyWorker(stage);
  worker.signal('SIGTERM');
}

/** 1: kill -9 of a random worker, of all at once, of the producer, of the dashboard. */
export const killed: Fault[] = [
  {
    kind: 'worker killed',
    share: 12,
    async strike({ stage }) {
      const worker = await busyWorker(stage);
      const held = await heldBy(stage, worker);
      worker.signal('SIGKILL');
      return { landed: held > 0, what: `${worker.name} with ${held} in hand` };
    },
  },
  {
    kind: 'all workers killed',
    share: 4,
    async strike({ stage }) {
      const held = await someWork(stage);
      for (const worker of stage.processes.of('worker')) worker.signal('SIGKILL');
      return { landed: held > 0, what: `${held} in progress` };
    },
  },
  {
    kind: 'producer killed',
    share: 4,
    async strike({ stage, random }) {
      const { unfinished } = await glance(stage);
      const producer = random.pick(stage.processes.of('producer'));
      producer.signal('SIGKILL');
      return { landed: unfinished > 0, what: `${producer.name}, ${unfinished} unfinished` };
    },
  },
  {
    kind: 'dashboard killed',
    share: 4,
    async strike({ stage }) {
      const [dashboard] = stage.processes.of('dashboard');
      const isServing = await waitUntil('the dashboard', () => answers(stage.dashboardUrl), 60_000);
      dashboard?.signal('SIGKILL');
      await waitUntil('the dashboard to be back', () => answers(stage.dashboardUrl), 60_000);
      return { landed: isServing, what: stage.dashboardUrl };
    },
  },
];

export async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}

/** 2: stopped past the lease while others take over, then let go on. */
export const stopped: Fault[] = [
  {
    kind: 'worker stopped past its lease',
    share: 8,
    async strike({ stage }) {
      const before = stage.charges.struck().length;
      // Right before its write: on waking up, the first thing it does is to send it.
      stage.charges.lay('chunk:before', { do: 'stop' });
      const struck = await waitUntil(
        'a worker to stop before a chunk',
        () => stage.charges.struck()[before],
        CHARGE_PATIENCE_MS,
      );
      return wakeLate(stage, struck.executionId, struck.pid);
    },
  },
  {
    kind: 'worker stopped inside a statement',
    share: 4,
    async strike({ stage }) {
      const worker = await busyWorker(stage);
      const [held] = await stage.db.sql<{ executionId: string; seriesId: number }[]>`
        select execution_id as "executionId", series_id as "seriesId"
        from backfill_state_persistent e join workers w using (worker_id)
        where e.status = 'in_progress' and w.pid = ${worker.pid}`;
      if (!held) return { landed: false, what: `${worker.name} had ended its work` };
      // Its next chunk waits for a row that we hold: then it is stopped, and the row is let go of.
      const isWaiting = await stage.db.sql.begin(async (sql) => {
        await sql`select 1 from series_coverage where series_id = ${held.seriesId} for update`;
        const [mine] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
        const waits = await waitUntil(
          'a chunk to wait for the row',
          () => waitsFor(stage, mine?.pid ?? 0),
          5_000,
        ).catch(() => false);
        if (waits) process.kill(worker.pid, 'SIGSTOP');
        return waits;
      });
      if (!isWaiting) return { landed: false, what: `${worker.name} stored nothing more` };
      return wakeLate(stage, held.executionId, worker.pid);
    },
  },
];

async function waitsFor({ db }: Stage, pid: number): Promise<boolean> {
  const rows = await db.run(
    'who waits',
    (sql) => sql`
      select 1 from pg_stat_activity
      where query like '%store_chunk%' and ${pid} = any(pg_blocking_pids(pid))`,
  );
  return rows.length > 0;
}

/** The worker is stopped. Others take over; then it goes on, and nothing of it may be stored. */
async function wakeLate(stage: Stage, executionId: string, pid: number) {
  const before = (await listAttempts(stage.db, executionId)).length;
  try {
    await waitUntil(
      'its work to be taken back',
      async () => {
        const taken = (await listAttempts(stage.db, executionId)).length > before;
        // With the statement that it was stopped in, it may have been completed.
        return taken || (await isOver(stage, executionId));
      },
      60_000,
    );
    const { stored } = await glance(stage);
    await waitUntil('the others to go on', async () => (await glance(stage)).stored > stored, 60_000);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  return { landed: true, what: `pid ${pid}` };
}

async function isOver(stage: Stage, executionId: string): Promise<boolean> {
  const [row] = await stage.db.sql`
    select 1 from backfill_state_persistent where execution_id = ${executionId} and status <> 'in_progress'`;
  return row !== undefined;
}

/** 3: an execution that kills each worker that claims it. */
export const poison: Fault = {
  kind: 'poison',
  share: 4,
  async strike({ stage, load }) {
    let row = await poisoned(stage, await load.newExecution());
    // A worker had claimed it before the charge lay, and went all its way.
    while (row.status === 'completed') row = await poisoned(stage, await load.newExecution());
    const attempts = await listAttempts(stage.db, row.executionId);
    const lost = attempts.filter((one) => one.outcome === 'lost').length;
    promise(
      row.errorCode === 'poison' && lost === 3,
      `poison ${row.executionId} was set aside as ${row.errorCode ?? '?'} after ${lost} lost attempts, not 3`,
    );
    // People look into it, and run it again.
    await load.retryFailed();
    return { landed: true, what: row.executionId };
  },
};

/** The execution at its end, where each claim of it since now killed the worker. */
async function poisoned(stage: Stage, executionId: string): Promise<ExecutionRow> {
  stage.charges.lay('claim:after', { do: 'kill', executionId, stays: true });
  try {
    const row = await waitUntil(
      `poison ${executionId} to be set aside`,
      async () => {
        const seen = await readExecution(stage.db, executionId);
        return seen && !UNFINISHED.includes(seen.status) ? seen : undefined;
      },
      180_000,
    );
    const killed = stage.charges.struck().some((one) => one.executionId === executionId);
    promise(row.status === 'failed' || !killed, `poison ${executionId} killed a worker and is ${row.status}`);
    return row;
  } finally {
    stage.charges.lift('claim:after');
  }
}

/** 1: one worker after another, every three seconds. */
export const killedAgainAndAgain: Fault = {
  kind: 'a worker killed every 3 s',
  share: 1,
  async strike({ stage, longestMs }) {
    let held = 0;
    const end = performance.now() + Math.min(60_000, longestMs);
    while (performance.now() < end) {
      const worker = await busyWorker(stage);
      held += await heldBy(stage, worker);
      worker.signal('SIGKILL');
      await sleep(3_000);
    }
    return { landed: held > 0, what: `${held} in hand over all` };
  },
};
