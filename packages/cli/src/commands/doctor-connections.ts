import {
  countSessions,
  listProviders,
  readConnectionRoom,
  type ConnectionRoom,
  type Database,
} from '@candlefleet/db';
import { backfillQueueName, MAINTENANCE_QUEUE, queueConnections } from '@candlefleet/queue';
import { connectionsOf, healthSessionOf, ROLES, type StoreRole } from '../roles/connections.js';

/** How many processes of each role are alive. */
export type Census = Readonly<Record<StoreRole, number>>;

export interface Demand {
  readonly backend: 'redis' | 'postgres';
  /** One a provider, and that of the upkeep. */
  readonly queues: number;
  readonly alive: Census;
  /** Open now by everybody but these processes. */
  readonly others: number;
}

/** Above this share there is no room for one more process, or for a person who looks. */
const FULL = 0.8;

/** Whether Postgres has connections for what the fleet may open at most; told before it hurts. */
export async function checkConnections(db: Database, backend: Demand['backend']) {
  const room = await readConnectionRoom(db);
  const sessions = [...(await countSessions(db))];
  const count = (is: (name: string) => boolean) =>
    sessions.reduce((sum, [name, open]) => (is(name) ? sum + open : sum), 0);
  const alive: Census = {
    worker: count((name) => name === healthSessionOf('worker')),
    producer: count((name) => name === healthSessionOf('producer')),
    dashboard: count((name) => name === healthSessionOf('dashboard')),
  };
  // BullMQ calls a session that listens after its queue.
  const queues = new Set([MAINTENANCE_QUEUE, ...(await listProviders(db)).map(backfillQueueName)]);
  const theirs = count((name) => queues.has(name) || OF_ROLES.test(name));
  return judgeConnections(room, { backend, queues: queues.size, alive, others: room.inUse - theirs });
}

/** What a role calls its sessions. */
const OF_ROLES = /^candlefleet (?:worker|producer|dashboard)\b/;

/** The finding for a person, with the change that helps. */
export function judgeConnections(room: ConnectionRoom, demand: Demand) {
  const { backend, queues, alive, others } = demand;
  const each = (role: StoreRole) => connectionsOf(role, backend, queues);
  const needed = ROLES.reduce((sum, role) => sum + alive[role] * each(role), others);
  const enough = Math.floor(FULL * room.most);
  const people = ROLES.map((role) => `${alive[role]} ${role}${alive[role] === 1 ? '' : 's'}`).join(', ');
  return {
    check: 'connections',
    ok: Math.max(needed, room.inUse) <= enough,
    found: `${room.inUse} of ${room.most} in use; up to ${needed} needed (${people}, and ${others} of others)`,
    remedy: remedyOf({ room, demand, needed, enough, worker: each('worker') }),
  };
}

function remedyOf(sum: {
  room: ConnectionRoom;
  demand: Demand;
  needed: number;
  enough: number;
  worker: number;
}): string {
  const { room, demand, needed, enough, worker } = sum;
  const wanted = Math.ceil((Math.max(needed, room.inUse) / FULL + room.reserved) / 10) * 10;
  const ways = [
    `Set max_connections to ${wanted} (ALTER SYSTEM SET max_connections = ${wanted}; then restart Postgres)`,
  ];
  const workers = Math.floor((enough - (needed - demand.alive.worker * worker)) / worker);
  if (workers >= 1 && workers < demand.alive.worker)
    ways.push(`run ${workers} of the ${demand.alive.worker} workers`);
  const { queues, alive } = demand;
  const processes = alive.worker + alive.producer + alive.dashboard;
  const saved = queueConnections(demand.backend, {
    queues: queues * processes,
    workers: queues * alive.worker,
  });
  if (saved > 0) ways.push(`move the queues to Redis (REDIS_URL), which saves ${saved}`);
  return `${ways.join(', or ')}.`;
}
