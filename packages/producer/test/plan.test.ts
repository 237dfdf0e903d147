import { SLICE_CANDLES } from '@candlefleet/core';
import { cancelExecutions, endRun, listOpenRuns, setSymbolActive, startRun } from '@candlefleet/db';
import { queueBackends } from '@candlefleet/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createProducerFixture, MINUTE, START, type ProducerFixture } from './producer-fixture.js';

// The planner asks no queue.
const [backend] = queueBackends();

describe('the planner', () => {
  let producer: ProducerFixture;
  beforeEach(async () => {
    if (!backend) throw new Error('there is no queue backend');
    producer = await createProducerFixture(backend);
  });
  afterEach(() => producer.close());

  const bounded = (candles: number) => ({ historyToMs: START + candles * MINUTE });
  const minutes = async () =>
    (await producer.rows()).map((row) => [(row.fromMs - START) / MINUTE, (row.toMs - START) / MINUTE]);
  const settle = (id: string) => producer.db.sql`
    with done as (update backfill_state_persistent set status = 'completed', outcome = 'stored', pending_reason = null,
      completed_at = clock_timestamp() where execution_id = ${id} returning series_id, range)
    update series_coverage c set covered = covered + tstzmultirange(d.range) from done d where d.series_id = c.series_id`;
  const ask = (seriesId: number, from: number, to: number) =>
    startRun(producer.db, {
      seriesId,
      range: { fromMs: START + from * MINUTE, toMs: START + to * MINUTE },
      requestedBy: 'a person',
      candlesEstimated: 1,
      requestsEstimated: 1,
    });

  test('cuts the newest first, in slices of bounded size, a few of a series at a time', async () => {
    const total = 3 * SLICE_CANDLES + 1_000;
    await producer.track('A/B', '1m', bounded(total));
    expect(await producer.plan()).toBe(2);
    expect(await minutes()).toEqual([
      [total - SLICE_CANDLES, total],
      [total - 2 * SLICE_CANDLES, total - SLICE_CANDLES],
    ]);
    expect(await producer.plan()).toBe(0);
    const [newest] = await producer.rows();
    await settle(newest?.executionId ?? '');
    expect(await producer.plan()).toBe(1);
    expect((await minutes()).at(-1)).toEqual([1_000, SLICE_CANDLES + 1_000]);
    expect((await producer.rows()).every((row) => row.kind === 'history')).toBe(true);
  });

  test('keeps the queue of a provider short, however many series it has and however often it plans', async () => {
    for (let n = 0; n < 40; n += 1) await producer.track(`S${n}/B`, '1m', bounded(100));
    expect(await producer.plan()).toBe(32);
    expect(await producer.plan()).toBe(0);
    const [first, second] = await producer.rows();
    await settle(first?.executionId ?? '');
    await settle(second?.executionId ?? '');
    expect(await producer.plan()).toBe(2);
  });

  test("another provider's backlog takes none of its room", async () => {
    for (let n = 0; n < 33; n += 1) await producer.track(`S${n}/B`, '1m', bounded(100));
    await producer.track('A/B', '1m', { ...bounded(100), provider: 'q' });
    expect(await producer.plan()).toBe(33);
  });

  test('begins with the series whose newest candle is missing', async () => {
    for (let n = 0; n < 40; n += 1) await producer.track(`S${n}/B`, '1m', bounded(100 + n));
    await producer.plan();
    const ends = (await minutes()).map(([, to]) => to);
    expect(Math.min(...ends.map(Number))).toBe(108);
  });

  test('leaves the newest candles to the tail, until it is late', async () => {
    const now = START + 1_000 * MINUTE;
    producer.setNow(now);
    await producer.track('A/B');
    await producer.plan();
    const [[, to] = []] = await minutes();
    // Settle delay, spread and grace: about two minutes and a half.
    expect(to).toBe(997);
  });

  test('takes what a person asked for first, and tells whose it is; the run ends when it has everything', async () => {
    const seriesId = await producer.track('A/B', '1m', bounded(4 * SLICE_CANDLES));
    const runId = await ask(seriesId, 100, 200);
    expect(await producer.plan()).toBe(1);
    expect(await producer.rows()).toMatchObject([{ kind: 'manual', runId, fromMs: START + 100 * MINUTE }]);
    expect(await producer.plan()).toBe(1);
    expect(await producer.rows()).toMatchObject([{ kind: 'history' }, { kind: 'manual' }]);
    expect(await listOpenRuns(producer.db)).toHaveLength(1);
    const manual = (await producer.rows()).at(-1);
    await settle(manual?.executionId ?? '');
    await producer.plan();
    expect(await listOpenRuns(producer.db)).toEqual([]);
    await endRun(producer.db, runId);
  });

  test('keeps away from a stretch that failed until its time has come', async () => {
    await producer.track('A/B', '1m', bounded(100));
    await producer.plan();
    const fail = (until: string) => producer.db.sql`
      update backfill_state_persistent set status = 'failed', pending_reason = null, completed_at = clock_timestamp(),
        error_code = 'x', error_message = 'x', replan_after = clock_timestamp() + ${until}::interval`;
    await fail('1 hour');
    expect(await producer.plan()).toBe(0);
    await fail('-1 second');
    expect(await producer.plan()).toBe(1);
    expect((await producer.rows()).map((row) => row.status).sort()).toEqual(['failed', 'pending']);
  });

  test('keeps away from what a person cancelled until a person asks for it', async () => {
    const seriesId = await producer.track('A/B', '1m', bounded(100));
    await producer.plan();
    const [row] = await producer.rows();
    await cancelExecutions(producer.db, [row?.executionId ?? ''], 'a person');
    expect(await producer.plan()).toBe(0);
    const runId = await ask(seriesId, 20, 40);
    expect(await producer.plan()).toBe(1);
    expect(await producer.rows()).toMatchObject([{ status: 'cancelled' }, { kind: 'manual', runId }]);
  });

  test('or until the symbol is resumed; a paused one is not planned', async () => {
    await producer.track('A/B', '1m', bounded(100));
    await producer.plan();
    const pause = (active: boolean) =>
      setSymbolActive(producer.db, { provider: 'p', symbol: 'A/B', active }, 'test');
    await pause(false);
    expect(await producer.plan()).toBe(0);
    await pause(true);
    expect(await producer.plan()).toBe(1);
  });
});
