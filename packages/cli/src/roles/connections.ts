import { queueConnections } from '@candlefleet/queue';

export const ROLES = ['worker', 'producer', 'dashboard'] as const;

/** A role that stands on both stores. */
export type StoreRole = (typeof ROLES)[number];

/**
 * What a role opens to Postgres at most: its pool, and what is beside the pool and the queues. Each has a session for the
 * look after Postgres; a worker its lease, a producer its lead and LISTEN.
 */
export const ROLE_CONNECTIONS: Record<StoreRole, { pool: number; beside: number; consumes: boolean }> = {
  worker: { pool: 6, beside: 2, consumes: true },
  producer: { pool: 4, beside: 3, consumes: false },
  dashboard: { pool: 4, beside: 1, consumes: false },
};

/** Connections that one process of a role may open, with so many queues. */
export function connectionsOf(role: StoreRole, backend: 'redis' | 'postgres', queues: number): number {
  const { pool, beside, consumes } = ROLE_CONNECTIONS[role];
  return pool + beside + queueConnections(backend, { queues, workers: consumes ? queues : 0 });
}

/** The name of the one session that each process of a role has as long as it is alive. */
export function healthSessionOf(role: StoreRole): string {
  return `candlefleet ${role} (health)`;
}
