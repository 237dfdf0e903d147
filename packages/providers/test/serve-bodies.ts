import { once } from 'node:events';
import { createServer } from 'node:http';

export interface ServedBody {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body: string;
}

/** A local server that answers what a test says, and remembers what it was asked. */
export async function serveBodies(answer: (url: URL, method: string) => ServedBody | 'reset' | 'silence') {
  const asked: URL[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://local');
    asked.push(url);
    const served = answer(url, request.method ?? 'GET');
    if (served === 'silence') return;
    if (served === 'reset') {
      request.socket.resetAndDestroy();
      return;
    }
    response.writeHead(served.status ?? 200, { 'content-type': 'application/json', ...served.headers });
    response.end(served.body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
