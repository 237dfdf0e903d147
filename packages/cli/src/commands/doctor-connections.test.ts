import { expect, test } from 'vitest';
import { judgeConnections, type Demand } from './doctor-connections.js';

const ROOM = { most: 97, reserved: 3, inUse: 12 };
const FLEET: Demand = {
  backend: 'redis',
  queues: 3,
  alive: { worker: 2, producer: 1, dashboard: 1 },
  others: 4,
};

test('what the processes may open at most is summed up, whatever is open now', () => {
  // Pools, leases, lead and LISTEN, and the look after Postgres: 2 × 8 + 7 + 5 + 4.
  expect(judgeConnections(ROOM, FLEET)).toMatchObject({
    ok: true,
    found: '12 of 97 in use; up to 32 needed (2 workers, 1 producer, 1 dashboard, and 4 of others)',
  });
});

test('queues in Postgres have pools of their own: too many are found before it hurts, with what helps', () => {
  const alive = { worker: 3, producer: 1, dashboard: 1 };
  // 3 × (8 + 3 × 7) + (7 + 3 × 2) + (5 + 3 × 2) + 4.
  expect(judgeConnections(ROOM, { ...FLEET, backend: 'postgres', alive })).toMatchObject({
    ok: false,
    found: '12 of 97 in use; up to 115 needed (3 workers, 1 producer, 1 dashboard, and 4 of others)',
    remedy:
      'Set max_connections to 150 (ALTER SYSTEM SET max_connections = 150; then restart Postgres), or run 1 of the 3 workers, or move the queues to Redis (REDIS_URL), which saves 75.',
  });
});

test('connections that others hold already count too', () => {
  expect(judgeConnections({ ...ROOM, inUse: 80 }, { ...FLEET, others: 60 })).toMatchObject({
    ok: false,
    remedy: 'Set max_connections to 120 (ALTER SYSTEM SET max_connections = 120; then restart Postgres).',
  });
});
