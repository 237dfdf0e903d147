import { createServer } from 'node:http';
import { BadInputError } from '@candlefleet/core';
import { PROBES, type Health } from './create-health.js';

export interface ProbeServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves the probes of a process that serves nothing else; port 0 takes a free one. @throws BadInputError when it is in use */
export async function serveProbes(
  health: Health,
  { host, port }: { host: string; port: number },
): Promise<ProbeServer> {
  const server = createServer((request, response) => {
    const asked = PROBES.find((probe) => request.url === `/${probe}`);
    const { status, body } = asked ? health.answer(asked) : { status: 404, body: { error: NOT_FOUND } };
    response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
    response.end(`${JSON.stringify(body)}\n`);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new BadInputError(
          `HEALTH_HOST and HEALTH_PORT: ${host}:${port} cannot be listened on (${error.code}).`,
          error,
        ),
      ),
    );
    server.listen(port, host, resolve);
  });
  const address = server.address();
  const actual = typeof address === 'object' && address ? address.port : port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${actual}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const NOT_FOUND = 'Here are /healthz and /readyz.';
