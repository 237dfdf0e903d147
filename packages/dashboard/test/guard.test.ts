import { queueBackends } from '@candlefleet/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createBoardFixture, QUEUE, type BoardFixture } from './board-fixture.js';

// Who may ask does not depend on where the queues are.
const [backend] = queueBackends();
const PAUSE = `/queues/api/queues/${QUEUE}/pause`;

let board: BoardFixture;
beforeAll(async () => {
  if (!backend) throw new Error('there is no queue backend');
  board = await createBoardFixture(backend);
});
afterAll(() => board.close());

const isPaused = () => board.queues.isPaused(QUEUE);

test.each(['localhost', '127.0.0.1', '[::1]'])('answers when it is asked as %s', async (name) => {
  const headers = { host: `${name}:${board.dashboard.port}` };
  expect((await board.ask('GET', '/healthz', { headers })).status).toBe(200);
});

test.each([
  'candles.example',
  'localhost.candles.example',
  '127.0.0.1.candles.example:8420',
  '10.0.0.1',
  ':',
])('a Host that is not this machine is refused: "%s"', async (host) => {
  for (const [method, path] of [
    ['GET', '/healthz'],
    ['GET', '/queues/api/queues'],
    ['PUT', PAUSE],
  ] as const) {
    expect((await board.ask(method, path, { headers: { host } })).status).toBe(403);
  }
  expect(await isPaused()).toBe(false);
});

test("another site's Origin is refused, for reading and for changing", async () => {
  const { port } = board.dashboard;
  for (const origin of [
    'http://candles.example',
    `https://127.0.0.1:${port}`,
    'http://127.0.0.1:1',
    'null',
  ]) {
    for (const [method, path] of [
      ['GET', '/queues/api/queues'],
      ['PUT', PAUSE],
    ] as const) {
      expect((await board.ask(method, path, { headers: { origin } })).status).toBe(403);
    }
  }
  expect(await isPaused()).toBe(false);
});

test.each(['cross-site', 'same-site'])('a change from a page of a %s origin is refused', async (site) => {
  const answer = await board.ask('PUT', PAUSE, { headers: { 'sec-fetch-site': site } });
  expect(answer.status).toBe(403);
  expect(await isPaused()).toBe(false);
});

test.each([
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'text/plain',
  'application/jsonp',
])('a body that a form can send is refused: %s', async (type) => {
  const answer = await board.ask('PUT', PAUSE, {
    headers: { 'content-type': type, 'content-length': '3' },
    body: 'a=b',
  });
  expect(answer.status).toBe(415);
  expect(await isPaused()).toBe(false);
});

test("the dashboard's own page may change something, with JSON or with nothing", async () => {
  const headers = { origin: board.dashboard.url, 'sec-fetch-site': 'same-origin' };
  expect((await board.ask('PUT', PAUSE, { headers })).status).toBe(200);
  expect(await isPaused()).toBe(true);
  const json = { headers: { ...headers, 'content-type': 'application/json' }, body: '{}' };
  expect((await board.ask('PUT', PAUSE.replace('pause', 'resume'), json)).status).toBe(200);
  expect(await isPaused()).toBe(false);
});

test('pages may not be framed, and load scripts from here alone', async () => {
  const { status, headers, text } = await board.ask('GET', '/queues');
  expect(status).toBe(200);
  expect(text).toContain('candlefleet');
  expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
  expect(headers['content-security-policy']).toContain("script-src 'self'");
  expect(headers['x-powered-by']).toBeUndefined();
});
