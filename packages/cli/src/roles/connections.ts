import type { QueueConnection } from '@candlefleet/queue';

/** What a role opens to Postgres at most. */
export interface RoleConnections {
  /** Of its pool. */
  readonly pool: number;
  /** Beside the pool and the queues. */
  readonly beside: number;
  readonly consumes: boolean;
}

/** Beside each pool: the look after Postgres. A worker's lease, a producer's lead and LISTEN have theirs too. */
export const ROLE_CONNECTIONS = {
  worker: { pool: 6, beside: 2, consumes: true },
  producer: { pool: 4, beside: 3, consumes: false },
  dashboard: { pool: 4, beside: 1, consumes: false },
} as const satisfies Record<string, RoleConnections>;

export type StoreRole = keyof typeof ROLE_CONNECTIONS;

/** Connections that one process of a role may open, with so many queues. */
export function connectionsOf(
  role: StoreRole,
  queues: Pick<QueueConnection, 'connectionsOf'>,
  queueCount: number,
): number {
  const { pool, beside, consumes } = ROLE_CONNECTIONS[role];
  return pool + beside + queues.connectionsOf({ queues: queueCount, workers: consumes ? queueCount : 0 });
}
