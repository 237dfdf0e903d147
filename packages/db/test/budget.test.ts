import { createTestDatabase } from '@candlefleet/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connectDatabase, type Database } from '../src/connect.js';
import { createBudget } from '../src/queries/budget.js';

const policy = { limit: 100, windowMs: 60_000, burst: 10 };
const request = { provider: 'p', policy, weight: 1, urgent: true };

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = connectDatabase({ url: database.url, applicationName: 'test', poolSize: 4 });
});
beforeEach(async () => {
  await db.sql`truncate provider_budgets`;
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

/** Lets the bucket's clock run on without waiting for it. */
const goOn = (ms: number) =>
  db.sql`update provider_budgets set refilled_at = refilled_at - ${ms} * interval '1 millisecond'`;

describe('the budget', () => {
  test('starts empty, and fills evenly', async () => {
    const budget = createBudget(db, 'default');
    const first = await budget.take(request);
    expect(first).toMatchObject({ granted: false, reason: 'exhausted' });
    await goOn(60_000);
    expect(await budget.take(request)).toEqual({ granted: true });
  });

  test('never lets more through in any window than the limit, however greedy the fleet', async () => {
    const budgets = [createBudget(db, 'default'), createBudget(db, 'default')];
    const grants: number[] = [];
    let nowMs = 0;
    for (let step = 0; step < 600; step += 1) {
      for (const budget of budgets) while ((await budget.take(request)).granted) grants.push(nowMs);
      await goOn(500);
      nowMs += 500;
    }
    for (const start of grants) {
      const inWindow = grants.filter((at) => at >= start && at < start + policy.windowMs).length;
      // The clock runs on for a moment between the statements.
      expect(inWindow).toBeLessThanOrEqual(policy.limit + 5);
    }
    expect(grants.length).toBeGreaterThan(0.85 * policy.limit * (nowMs / policy.windowMs));
  });

  test('history takes nothing from the last fifth while a tail waits', async () => {
    const budget = createBudget(db, 'default');
    await budget.take({ ...request, weight: 10 });
    await goOn(60_000);
    // A tail asks for more than there is: from here on it waits.
    for (let taken = 0; taken < 9; taken += 1) expect((await budget.take({ ...request })).granted).toBe(true);
    expect((await budget.take({ ...request, weight: 5 })).granted).toBe(false);
    expect((await budget.take({ ...request, urgent: false })).granted).toBe(false);
    expect((await budget.take(request)).granted).toBe(true);
  });

  test('a ban stops everybody until its end, and is known after a restart', async () => {
    const budget = createBudget(db, 'default');
    await budget.take(request);
    await goOn(60_000);
    await budget.ban('p', 90_000);
    const again = connectDatabase({ url: database.url, applicationName: 'test again', poolSize: 1 });
    const answer = await createBudget(again, 'default').take(request);
    await again.close();
    expect(answer).toMatchObject({ granted: false, reason: 'banned' });
    expect('waitMs' in answer && answer.waitMs).toBeGreaterThan(80_000);
  });

  test("is lowered to what the server's headers say is left", async () => {
    const budget = createBudget(db, 'default');
    await budget.take(request);
    await goOn(60_000);
    await budget.correct('p', policy, 98);
    await budget.take({ ...request, weight: 2 });
    expect((await budget.take({ ...request, weight: 2 })).granted).toBe(false);
  });

  test('groups that leave by other addresses have budgets of their own', async () => {
    await createBudget(db, 'a').take(request);
    await createBudget(db, 'b').take(request);
    await goOn(60_000);
    await createBudget(db, 'a').ban('p', 60_000);
    expect((await createBudget(db, 'b').take(request)).granted).toBe(true);
  });

  test('a request that weighs more than the budget ever holds is refused by name', async () => {
    await expect(createBudget(db, 'default').take({ ...request, weight: 11 })).rejects.toMatchObject({
      code: 'bad_input',
    });
  });

  test('rejects when the database cannot be asked: then nothing is sent', async () => {
    const gone = connectDatabase({
      url: 'postgres://nobody@127.0.0.1:1/none',
      applicationName: 'test',
      poolSize: 1,
    });
    await expect(createBudget(gone, 'default').take(request)).rejects.toMatchObject({
      code: 'database_error',
    });
    await gone.close();
  });
});
