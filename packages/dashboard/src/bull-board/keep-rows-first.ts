import { cancelExecutions, listProviders, retryExecutions, type Database } from '@candlefleet/db';
import { backfillQueueName, MAINTENANCE_QUEUE, type QueueConnection } from '@candlefleet/queue';
import type { JobType, Queue } from 'bullmq';
import { Router, type RequestHandler } from 'express';
import { executionOf, executionsIn } from './affected-executions.js';

export interface RowsDeps {
  readonly db: Database;
  readonly queues: QueueConnection;
}

/** Who acts: the dashboard knows no users yet. */
const ACTOR = 'dashboard';
const CHUNK = 500;
/** What `empty` removes: BullMQ's drain leaves the delayed ones. */
const DRAINED: readonly JobType[] = ['waiting', 'prioritized'];
const UNFINISHED: readonly JobType[] = [...DRAINED, 'delayed', 'active', 'waiting-children'];
/** Bull Board's names of what can be cleaned, as job types. */
const CLEANED: Record<string, readonly JobType[]> = {
  wait: ['waiting'],
  waiting: ['waiting'],
  prioritized: ['prioritized'],
  delayed: ['delayed'],
  active: ['active'],
  'waiting-children': ['waiting-children'],
  failed: [],
  completed: [],
};

/**
 * Stands before Bull Board's API: Postgres is changed first, then the queue (DESIGN §8). A retry continues the same
 * execution; a removal cancels it; what would contradict Postgres is off.
 */
export function keepRowsFirst(deps: RowsDeps): Router {
  const { db, queues } = deps;
  const router = Router();

  const before = (work: (queue: Queue, params: Record<string, string>) => Promise<unknown>): RequestHandler =>
    async function rowsFirst(request, response, next) {
      const params: Record<string, string> = {};
      for (const [key, value] of Object.entries(request.params)) params[key] = String(value);
      const name = params['queue'] ?? '';
      if (!(await isKnown(db, name))) {
        response.status(404).json({ error: `There is no queue "${name}".` });
        return;
      }
      await work(queues.queue(name), params);
      next();
    };

  router.put('/api/queues/:queue/retry/:state', (request, response, next) => {
    if (request.params.state === 'failed') return next();
    response.status(405).json({ error: 'Only failed jobs are retried: a completed execution is done.' });
  });
  router.put(
    '/api/queues/:queue/retry/:state',
    before(async (queue) =>
      inChunks(await executionsIn(queue, ['failed']), (ids) => retryExecutions(db, ids, ACTOR)),
    ),
  );
  router.put(
    '/api/queues/:queue/:job/retry',
    before(async (queue, { job }) => retryExecutions(db, await idsOf(queue, job), ACTOR)),
  );
  router.put(
    '/api/queues/:queue/:job/clean',
    before(async (queue, { job }) => cancelExecutions(db, await idsOf(queue, job), ACTOR)),
  );
  router.put(
    '/api/queues/:queue/clean/:state',
    before((queue, { state }) => cancelIn(db, queue, CLEANED[state ?? ''] ?? UNFINISHED)),
  );
  router.put(
    '/api/queues/:queue/empty',
    before((queue) => cancelIn(db, queue, DRAINED)),
  );
  router.put(
    '/api/queues/:queue/obliterate',
    before(async (queue) => {
      // Bull Board refuses a queue that is not paused: then nothing may be cancelled either.
      if (await queue.isPaused()) await cancelIn(db, queue, UNFINISHED);
    }),
  );
  for (const allowed of ALLOWED) router.put(allowed, (_request, _response, next) => next('router'));
  router.use(refuseOtherChanges);
  return router;
}

/** Changes that do not touch what Postgres says, and those whose rows were kept above. */
const ALLOWED = [
  '/api/queues/pause',
  '/api/queues/resume',
  '/api/queues/:queue/pause',
  '/api/queues/:queue/resume',
  '/api/queues/:queue/promote',
  '/api/queues/:queue/:job/promote',
  '/api/queues/:queue/retry/:state',
  '/api/queues/:queue/:job/retry',
  '/api/queues/:queue/:job/clean',
  '/api/queues/:queue/clean/:state',
  '/api/queues/:queue/empty',
  '/api/queues/:queue/obliterate',
];

const refuseOtherChanges: RequestHandler = (request, response, next) => {
  if (request.method === 'GET' || request.method === 'HEAD') return next();
  response.status(405).json({
    error:
      'This is off: jobs, their data, schedulers and limits follow from Postgres, and would be put back. ' +
      'Use `candlefleet symbols`, `candlefleet backfill` and `candlefleet executions` instead.',
  });
};

async function isKnown(db: Database, name: string): Promise<boolean> {
  if (name === MAINTENANCE_QUEUE) return true;
  return (await listProviders(db)).some((provider) => backfillQueueName(provider) === name);
}

async function idsOf(queue: Queue, jobId: string | undefined): Promise<string[]> {
  const job = await queue.getJob(jobId ?? '');
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
