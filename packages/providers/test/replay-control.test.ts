import { request } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { FaultPlan } from '../src/replay/fault-plan.js';
import { startReplayServer, type ReplayServer } from '../src/replay/replay-server.js';
import { createSimulatedMarket, simulatedSymbols } from '../src/replay/simulated-market.js';

const FROM = Date.UTC(2024, 4, 6);
const market = createSimulatedMarket({ seed: 3, symbols: ['BTC/USDT'] });
const servers: ReplayServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function start(
  faults: FaultPlan['faults'] = [],
  more: { weightLimit?: number; nowMs?: () => number } = {},
) {
  const { weightLimit, nowMs } = more;
  const clock = nowMs && { nowMs };
  const server = await startReplayServer({ market, faults: { seed: 1, faults }, weightLimit, clock });
  servers.push(server);
  return server;
}
const klines = async (server: ReplayServer) => {
  const query = `symbol=BTCUSDT&interval=1m&limit=2&startTime=${FROM}`;
  const answer = await fetch(`${server.url}/api/v3/klines?${query}`);
  return { status: answer.status, body: await answer.text() };
};
const logSchema = z.looseObject({
  requests: z.array(z.looseObject({ number: z.number(), afterBanMs: z.number().optional() })),
});
const readLog = async (server: ReplayServer, query = '') =>
  logSchema.parse(await (await fetch(`${server.url}/replay/requests${query}`)).json());
const putFaults = (server: ReplayServer, body: string) =>
  fetch(`${server.url}/replay/faults`, { method: 'PUT', body });

describe('the log of requests', () => {
  test('is read in pieces by number, and does not count its own readers', async () => {
    const server = await start();
    for (let n = 0; n < 5; n += 1) await klines(server);
    const first = await readLog(server, '?limit=3');
    expect(first).toMatchObject({ total: 5, firstKept: 1, weightLimit: 6_000, bans: [], inBan: 0 });
    expect(first.requests.map((one) => one.number)).toEqual([1, 2, 3]);
    const { requests } = await readLog(server, `?after=${first.requests.at(-1)?.number}`);
    expect(requests).toMatchObject([
      {
        number: 4,
        path: '/api/v3/klines',
        symbol: 'BTC/USDT',
        timeframe: '1m',
        weight: 2,
        status: 200,
        candles: 2,
      },
      { number: 5 },
    ]);
    expect((await fetch(`${server.url}/replay/requests?after=x`)).status).toBe(400);
  });

  test('knows the largest weight of any sliding minute, refused requests included', async () => {
    let nowMs = Date.UTC(2024, 5, 1);
    const server = await start([], { weightLimit: 6, nowMs: () => nowMs });
    const at = async (seconds: number, count: number) => {
      nowMs = Date.UTC(2024, 5, 1) + seconds * 1_000;
      for (let n = 0; n < count; n += 1) await klines(server);
    };
    await at(50, 3);
    expect(server.totals.largestWindowWeight).toBe(6);
    // Another minute for Binance's counter, and the same one for a window that slides.
    await at(70, 2);
    expect(server.totals.largestWindowWeight).toBe(10);
    await at(110, 1);
    expect(server.totals.largestWindowWeight).toBe(10);
    await at(115, 5);
    expect(server.totals.largestWindowWeight).toBe(16);
  });

  test('tells a ban, and what came after it had been told', async () => {
    let nowMs = Date.UTC(2024, 5, 1);
    const server = await start([{ kind: 'banned', rate: 1, times: 1, banSeconds: 30 }], {
      nowMs: () => nowMs,
    });
    const begun = nowMs;
    const { status, body } = await klines(server);
    expect([status, body]).toEqual([418, expect.stringContaining(`banned until ${begun + 30_000}`)]);
    for (const afterMs of [200, 5_000]) {
      nowMs = begun + afterMs;
      expect((await fetch(`${server.url}/api/v3/time`)).status).toBe(418);
    }
    nowMs = begun + 30_000;
    expect((await klines(server)).status).toBe(200);
    const log = await readLog(server, '?graceMs=1000');
    expect(log).toMatchObject({
      bans: [{ fromMs: begun, untilMs: begun + 30_000, toldMs: begun }],
      inBan: 1,
    });
    expect(log.requests.map((one) => one.afterBanMs)).toEqual([undefined, 200, 5_000, undefined]);
    expect(await readLog(server, '?graceMs=0')).toMatchObject({ inBan: 2 });
  });
});

describe('the fault plan of a running server', () => {
  const sick = JSON.stringify({ faults: [{ kind: 'server_error', rate: 1, times: 2 }] });

  test('is changed from the next request on, and tells how often each fault struck', async () => {
    const server = await start([{ kind: 'empty_page', rate: 1 }]);
    expect((await klines(server)).body).toBe('[]');
    const put = await putFaults(server, sick);
    expect(put.status).toBe(200);
    const statuses = [];
    for (let n = 0; n < 3; n += 1) statuses.push((await klines(server)).status);
    expect(statuses).toEqual([503, 503, 200]);
    expect(await (await fetch(`${server.url}/replay/faults`)).json()).toEqual({
      plan: { seed: 1, faults: [{ kind: 'server_error', rate: 1, times: 2, status: 503 }] },
      struck: [2],
      struckSinceStart: { empty_page: 1, server_error: 2 },
    });
  });

  test.each([
    ['{"faults":[{"kind":"fire"}]}', 'faults[0].kind'],
    ['{"faults":[{"kind":"latency","rate":2}]}', 'faults[0].rate'],
    ['{"faults":[{"kind":"latency","speed":2}]}', 'speed'],
    ['{"fault', 'no JSON'],
    [JSON.stringify({ faults: [], seed: 1, note: 'x'.repeat(300_000) }), 'at most'],
  ])('is refused where it is wrong, and stays as it was (%#)', async (body, told) => {
    const server = await start([{ kind: 'server_error', rate: 1, status: 502 }]);
    const put = await putFaults(server, body);
    expect(put.status).toBe(400);
    expect(await put.json()).toEqual({ error: expect.stringContaining(told) });
    expect((await klines(server)).status).toBe(502);
  });
});

test('a page that a browser was led here by, under another name, cannot change faults', async () => {
  const server = await start();
  const status = await new Promise((resolve) => {
    const headers = { host: 'rebound.example' };
    const put = request(`${server.url}/replay/faults`, { method: 'PUT', headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    put.end('{"faults":[]}');
  });
  expect(status).toBe(403);
});

test('so many symbols as wanted have names, the same each time, and candles', () => {
  const symbols = simulatedSymbols(10_000);
  expect(new Set(symbols).size).toBe(10_000);
  expect([symbols[0], symbols[3], symbols.at(-1)]).toEqual(['BTC/USDT', 'SIM4/USDT', 'SIM10000/USDT']);
  const many = createSimulatedMarket({ seed: 1, symbols });
  const ask = { symbol: 'SIM9999/USDT', timeframe: '1m' as const, fromMs: FROM, toMs: FROM + 60_000 };
  expect(many.candles({ ...ask, limit: 5, nowMs: Date.now() })).toHaveLength(1);
});
