import { describe, expect, test } from 'vitest';
import { createBatcher } from './batch.js';
import { DatabaseError, DatabaseSilentError } from './errors.js';

const answered = (sqlState: string) =>
  new DatabaseError('test', Object.assign(new Error('told by the server'), { code: sqlState }));

/** A batcher whose first statement is under way while `items` gather behind it in one batch; it fails as told. */
function batcherThat(fails: (batch: readonly string[]) => Error | undefined) {
  const batches: (readonly string[])[] = [];
  const send = createBatcher(async (batch: readonly string[]) => {
    batches.push(batch);
    const error = fails(batch);
    if (error) throw error;
    return batch;
  });
  const all = (...items: string[]) => Promise.allSettled(['first', ...items].map(send));
  return { all, batches };
}

test('what gathers behind a statement goes into the next one', async () => {
  const { all, batches } = batcherThat(() => undefined);
  await all('a', 'b');
  expect(batches).toEqual([['first'], ['a', 'b']]);
});

test("a batch that the database refused is tried one by one: an item's fault is its own", async () => {
  const { all, batches } = batcherThat((batch) => (batch.includes('a') ? answered('22003') : undefined));
  const [, a, b] = await all('a', 'b');
  expect(batches).toEqual([['first'], ['a', 'b'], ['a'], ['b']]);
  expect([a?.status, b?.status]).toEqual(['rejected', 'fulfilled']);
});

describe('nothing more is sent', () => {
  const socket = (code: string) => new DatabaseError('test', Object.assign(new Error('socket'), { code }));
  test.each([
    ['after a silence', new DatabaseSilentError('test', 1)],
    ['after a broken wire', socket('CONNECTION_CLOSED')],
    ['after a socket error that looks like a SQLSTATE', socket('EPIPE')],
    ['when an administrator ended the session', answered('57P01')],
    ['when the connection failed', answered('08006')],
    ['when the batch took too long', answered('57014')],
    ['when a lock was not to be had in time', answered('55P03')],
  ])('%s: every item of the batch is told', async (_when, error) => {
    const { all, batches } = batcherThat((batch) => (batch.includes('a') ? error : undefined));
    const [, a, b] = await all('a', 'b');
    expect(batches).toEqual([['first'], ['a', 'b']]);
    expect([a, b]).toEqual([
      { status: 'rejected', reason: error },
      { status: 'rejected', reason: error },
    ]);
  });
});
