import { cancelExecutions, retryExecutions, type Database } from '@candlefleet/db';
import type { QueueConnection } from '@candlefleet/queue';
import type { JobType, Queue } from 'bullmq';
import { json, Router, type RequestHandler } from 'express';
import { executionOf, executionsIn } from './affected-executions.js';
import type { BullBoard } from './create-board.js';

export interface RowsDeps {
  readonly db: Database;
  readonly queues: QueueConnection;
  readonly board: Pick<BullBoard, 'shows'>;
}

/** Who acts: the dashboard knows no users yet. */
const ACTOR = 'dashboard';
const CHUNK = 500;
/** What `empty` removes: BullMQ's drain leaves the delayed ones. */
const DRAINED: readonly JobType[] = ['waiting', 'prioritized'];
const UNFINISHED: readonly JobType[] = [...DRAINED, 'delayed', 'active', 'waiting-children'];
/** Bull Board's names of what can be cleaned, as job types of unfinished executions. */
const CLEANED: ReadonlyMap<string, readonly JobType[]> = new Map([
  ['wait', ['waiting']],
  ['waiting', ['waiting']],
  ['prioritized', ['prioritized']],
  ['delayed', ['delayed']],
  ['active', ['active']],
  ['waiting-children', ['waiting-children']],
  ['failed', []],
  ['completed', []],
]);

/** Changes the rows before the queue is changed; a text says why neither may be. */
type RowsWork = (queue: Queue, params: Record<string, string>, body: unknown) => Promise<string | void>;

const ONLY_FAILED = 'Only failed jobs are retried: a completed execution is done.';

/**
 * Stands before Bull Board's API: Postgres is changed first, then the queue (DESIGN §8). A retry continues the same
 * execution; a removal cancels it; what would contradict Postgres is off.
 */
export function keepRowsFirst({ db, queues, board }: RowsDeps): Router {
  const router = Router();
  const before = (path: string, work: RowsWork) =>
    router.put(path, json(), async (request, response, next) => {
      const params: Record<string, string> = {};
      for (const [key, value] of Object.entries(request.params)) params[key] = String(value);
      const name = params['queue'] ?? '';
      if (!(await board.shows(name))) {
        response.status(404).json({ error: `There is no queue "${name}".` });
        return;
      }
      const refusal = await work(await queues.open(name), params, request.body);
      if (refusal) response.status(405).json({ error: refusal });
      else next('router');
    });

  before('/api/queues/:queue/retry/:state', async (queue, { state }) => {
    if (state !== 'failed') return ONLY_FAILED;
    return inChunks(await executionsIn(queue, ['failed']), (ids) => retryExecutions(db, ids, ACTOR));
  });
  before('/api/queues/:queue/clean/:state', async (queue, { state = '' }) => {
    const types = CLEANED.get(state);
    return types ? cancelIn(db, queue, types) : `There is no state "${state}" to be cleaned.`;
  });
  before('/api/queues/:queue/:job/retry', async (queue, { job = '' }) => {
    if ((await queue.getJobState(job)) === 'completed') return ONLY_FAILED;
    await retryExecutions(db, await idsOf(queue, job), ACTOR);
  });
  before('/api/queues/:queue/:job/clean', async (queue, { job = '' }) => {
    await cancelExecutions(db, await idsOf(queue, job), ACTOR);
  });
  before('/api/queues/:queue/empty', (queue) => cancelIn(db, queue, DRAINED));
  before('/api/queues/:queue/obliterate', async (queue, _params, body) => {
    // Bull Board refuses a queue that is not paused, or is at work: then nothing may be cancelled either.
    const isRefused = !(await queue.isPaused()) || (!isForced(body) && (await queue.getActiveCount()) > 0);
    if (!isRefused) await cancelIn(db, queue, UNFINISHED);
  });
  for (const allowed of UNTOUCHING) router.put(allowed, (_request, _response, next) => next('router'));
  router.use(refuseOtherChanges);
  return router;
}

/** Changes that do not touch what Postgres says. */
const UNTOUCHING = [
  '/api/queues/pause',
  '/api/queues/resume',
  '/api/queues/:queue/pause',
  '/api/queues/:queue/resume',
  '/api/queues/:queue/promote',
  '/api/queues/:queue/:job/promote',
];

const refuseOtherChanges: RequestHandler = (request, response, next) => {
  if (request.method === 'GET' || request.method === 'HEAD') return next();
  response.status(405).json({
    error:
      'This is off: jobs, their data, schedulers and limits follow from Postgres, and would be put back. ' +
      'Use `npx candlefleet symbols`, `npx candlefleet backfill` and `npx candlefleet executions` instead.',
  });
};

function isForced(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'force' in body && body.force === true;
}

async function idsOf(queue: Queue, jobId: string): Promise<string[]> {
  const job = await queue.getJob(jobId);
  const id = job && executionOf(job);
  return id ? [id] : [];
}

async function cancelIn(db: Database, queue: Queue, states: readonly JobType[]): Promise<void> {
  if (states.length > 0)
    await inChunks(await executionsIn(queue, states), (ids) => cancelExecutions(db, ids, ACTOR));
}

async function inChunks(
  ids: readonly string[],
  work: (ids: readonly string[]) => Promise<unknown>,
): Promise<void> {
  for (let start = 0; start < ids.length; start += CHUNK) await work(ids.slice(start, start + CHUNK));
}
