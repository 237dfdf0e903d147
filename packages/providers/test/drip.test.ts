import { once } from 'node:events';
import { createServer } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { TimedOutError } from '../src/errors.js';
import { fetchAll, openTestSource } from './open-test-source.js';

const MARKETS = {
  symbols: [{ symbol: 'BTCUSDT', status: 'TRADING', baseAsset: 'BTC', quoteAsset: 'USDT', filters: [] }],
};

setFlagsFromString('--expose-gc');
const collectGarbage: unknown = runInNewContext('gc');

test('a body that drips ends at its deadline, though garbage is collected meanwhile', async () => {
  if (typeof collectGarbage !== 'function') throw new TypeError('there is no gc to call');
  const server = createServer((request, response) => {
    if (request.url?.includes('exchangeInfo')) {
      response.end(JSON.stringify(MARKETS));
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('[');
    const drip = setInterval(() => response.write(' '), 50);
    response.on('close', () => clearInterval(drip));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const { source } = await openTestSource('binance', `http://127.0.0.1:${port}`, { timeoutMs: 1_000 });
  const collecting = setInterval(() => collectGarbage(), 50);
  try {
    await expect(
      fetchAll(source, { symbol: 'BTC/USDT', timeframe: '1m', fromMs: 0, toMs: 60_000_000 }),
    ).rejects.toThrow(TimedOutError);
  } finally {
    clearInterval(collecting);
    server.closeAllConnections();
    server.close();
  }
}, 10_000);
