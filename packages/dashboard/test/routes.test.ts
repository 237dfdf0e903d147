import { appRoutes } from '@bull-board/api/dist/routes.js';
import { queueBackends } from '@candlefleet/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createBoardFixture, QUEUE, type BoardFixture } from './board-fixture.js';

/** Changes that a person may make in Bull Board. */
const ALLOWED = [
  'PUT /api/queues/pause',
  'PUT /api/queues/resume',
  'PUT /api/queues/:queueName/retry/:queueStatus',
  'PUT /api/queues/:queueName/promote',
  'PUT /api/queues/:queueName/clean/:queueStatus',
  'PUT /api/queues/:queueName/pause',
  'PUT /api/queues/:queueName/resume',
  'PUT /api/queues/:queueName/empty',
  'PUT /api/queues/:queueName/obliterate',
  'PUT /api/queues/:queueName/:jobId/retry',
  'PUT /api/queues/:queueName/:jobId/clean',
  'PUT /api/queues/:queueName/:jobId/promote',
];
/** Those that would contradict Postgres. */
const OFF = [
  'POST /api/queues/:queueName/add',
  'PUT /api/queues/:queueName/concurrency',
  'PUT /api/queues/:queueName/rate-limit',
  'PUT /api/queues/:queueName/rate-limit/release',
  'PUT /api/queues/:queueName/job-schedulers/:schedulerId/remove',
  'PATCH /api/queues/:queueName/job-schedulers/:schedulerId',
  'PUT /api/queues/:queueName/job-schedulers/:schedulerId/run',
  'PATCH /api/queues/:queueName/:jobId/update-data',
  'PATCH /api/queues/:queueName/:jobId/delay',
  'PATCH /api/queues/:queueName/:jobId/priority',
  'PUT /api/queues/:queueName/:jobId/remove-unprocessed-children',
];

const changes = appRoutes.api
  .flatMap(({ method, route }) =>
    [method].flat().flatMap((verb) => [route].flat().map((path) => `${verb.toUpperCase()} ${path}`)),
  )
  .filter((route) => !/^(?:GET|HEAD) /.test(route));

const [backend] = queueBackends();
let board: BoardFixture;
beforeAll(async () => {
  if (!backend) throw new Error('there is no queue backend');
  board = await createBoardFixture(backend);
});
afterAll(() => board.close());

function pathOf(route: string): [method: string, path: string] {
  const [method = '', path = ''] = route.split(' ');
  const filled = path
    .replace(':queueName', QUEUE)
    .replace(':jobId', 'no-such-job')
    .replace(':queueStatus', 'failed')
    .replace(':schedulerId', 'retention');
  return [method, `/queues${filled}`];
}

describe("Bull Board's routes that change something", () => {
  test('are those that were thought about: one that an upgrade brings has to be judged first', () => {
    expect([...changes].sort()).toEqual([...ALLOWED, ...OFF].sort());
  });

  test.each(ALLOWED)('%s is on', async (route) => {
    const { status } = await board.ask(...pathOf(route));
    expect(status).not.toBe(405);
    // Bull Board's own answers: done, refused as the state of the queue is, or no such job.
    expect([200, 204, 400, 404]).toContain(status);
  });

  test.each(OFF)('%s is off', async (route) => {
    const answer = await board.ask(...pathOf(route), {
      headers: { 'content-type': 'application/json' },
      body: '{"name":"x","data":{},"concurrency":1,"max":1,"duration":1,"delay":1,"priority":1,"every":1000}',
    });
    expect(answer.status).toBe(405);
    expect(answer.text).toContain('candlefleet');
  });

  test.each(['POST', 'PUT', 'PATCH', 'DELETE'])('%s is off on everything unknown', async (method) => {
    for (const path of ['', `/queue/${QUEUE}`, `/api/queues/${QUEUE}/x`, '/api/metrics/history/purge'])
      expect((await board.ask(method, `/queues${path}`)).status).toBe(405);
  });

  test('a queue that is not ours is not found, and a state that does not exist is refused', async () => {
    expect((await board.ask('PUT', '/queues/api/queues/backfill-nobody/empty')).status).toBe(404);
    const [id = ''] = await board.enqueue(1);
    for (const path of ['clean/anything', 'clean/latest', 'clean/retry', 'clean/clean', 'clean/promote'])
      expect([path, (await board.change(path)).status]).toEqual([path, 405]);
    expect(await board.statuses([id])).toEqual(['pending']);
  });

  test('completed jobs are not retried', async () => {
    expect((await board.change('retry/completed')).status).toBe(405);
  });
});
