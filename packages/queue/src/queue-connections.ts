/** Connections of one queue at most: its calls are few. */
export const QUEUE_POOL = 2;
/** Of one worker at most, beside its LISTEN: calls come with every job. */
export const WORKER_POOL = 4;

/** Connections to Postgres that so many queues, and workers on them, may open; none where they are in Redis. */
export function queueConnections(
  backend: 'redis' | 'postgres',
  { queues, workers }: { queues: number; workers: number },
): number {
  return backend === 'redis' ? 0 : queues * QUEUE_POOL + workers * (WORKER_POOL + 1);
}
