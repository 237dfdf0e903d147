import { queueBackends, waitUntil } from '@candlefleet/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createProducerFixture, MINUTE, START, type ProducerFixture } from './producer-fixture.js';

const [backend] = queueBackends();
let fleet: ProducerFixture;
beforeEach(async () => {
  if (!backend) throw new Error('there is no queue backend');
  fleet = await createProducerFixture(backend);
});
afterEach(() => fleet.close());

const scheduled = (count: number) =>
  waitUntil(`${count} schedulers`, async () => (await fleet.schedulers()).length === count, 10_000);
/** The session that holds the lock. */
const leaderSessions = () => fleet.db.sql<{ pid: number }[]>`
  select l.pid from pg_locks l join pg_database d on d.oid = l.database
  where l.locktype = 'advisory' and l.granted and d.datname = current_database() and l.classid = 0`;

test('a change of the watchlist is acted on at once: scheduled, planned and enqueued', async () => {
  await fleet.leads(fleet.start());
  await fleet.track('A/B');
  await scheduled(1);
  const row = await waitUntil('its history to be planned', async () => (await fleet.rows())[0]);
  await waitUntil(
    'its job',
    async () => (await fleet.queue().getJobState(row.executionId)) === 'prioritized',
  );
  await fleet.track('C/D');
  await scheduled(2);
  await fleet.db.sql`delete from tracked_symbols where symbol = 'A/B'`;
  await scheduled(1);
});

test('an execution that ends lets the next slice be planned at once', async () => {
  await fleet.track('A/B', '1m', { historyToMs: START + 200_000 * MINUTE });
  await fleet.leads(fleet.start());
  await waitUntil('two slices', async () => (await fleet.rows()).length === 2);
  await fleet.db.sql`
    update backfill_state_persistent set status = 'completed', outcome = 'stored', pending_reason = null,
      completed_at = clock_timestamp() where execution_id = (select execution_id from backfill_state_persistent limit 1)`;
  await fleet.db.sql`select pg_notify('candlefleet', 'backlog')`;
  await waitUntil('another slice', async () => (await fleet.rows()).length >= 3);
});

test('one of several leads, and the next one takes over when it stops', async () => {
  const [first, second, third] = [fleet.start(), fleet.start(), fleet.start()];
  const leader = await fleet.leads(first, second, third);
  const others = [first, second, third].filter((one) => one !== leader);
  await fleet.track('A/B');
  await scheduled(1);
  expect(others.map((one) => one.isLeading)).toEqual([false, false]);
  await leader.close();
  expect(leader.isLeading).toBe(false);
  await fleet.leads(...others);
  expect(others.filter((one) => one.isLeading)).toHaveLength(1);
  await fleet.track('C/D');
  await scheduled(2);
});

test('a leader whose connection is cut leads no longer, and another one goes on', async () => {
  const leader = fleet.start({ leadMs: 3_600_000 });
  await fleet.leads(leader);
  const standby = fleet.start();
  const [session] = await leaderSessions();
  expect(await leaderSessions()).toHaveLength(1);
  await fleet.db.sql`select pg_terminate_backend(${session?.pid ?? 0})`;
  await fleet.leads(standby);
  await waitUntil('the first to know', () => !leader.isLeading);
  await fleet.track('A/B');
  await scheduled(1);
});

test('a leader that stands alone leads again after its connection was cut', async () => {
  const leader = fleet.start();
  await fleet.leads(leader);
  const [session] = await leaderSessions();
  await fleet.db.sql`select pg_terminate_backend(${session?.pid ?? 0})`;
  await waitUntil('another session to lead', async () => {
    const [now] = await leaderSessions();
    return leader.isLeading && now && now.pid !== session?.pid;
  });
  await fleet.track('A/B');
  await scheduled(1);
});
