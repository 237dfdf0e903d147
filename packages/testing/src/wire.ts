import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A wire to a server that can be cut, and be made to swallow all that is sent. */
export interface Wire {
  readonly url: string;
  /** Connections are reset, new ones refused. */
  cut(): Promise<void>;
  /** Connections stay, and nobody answers any more. */
  swallow(): void;
  restore(): Promise<void>;
  close(): Promise<void>;
}

export async function startWire(target: string): Promise<Wire> {
  const { hostname, port } = new URL(target);
  const ends = new Set<Socket>();
  let isSilent = false;
  const accept = (near: Socket) => {
    const far = connect(Number(port), hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      ends.add(from);
      from.on('data', (bytes) => isSilent || to.write(bytes));
      from.on('error', () => {});
      from.on('close', () => {
        ends.delete(from);
        to.destroy();
      });
    }
  };
  let server: Server | undefined = createServer(accept).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const ours = typeof address === 'object' && address ? address.port : 0;
  const url = new URL(target);
  url.port = String(ours);

  async function cut(): Promise<void> {
    const old = server;
    server = undefined;
    for (const end of ends) end.destroy();
    if (old) await new Promise((resolve) => old.close(resolve));
  }
  return {
    url: url.href,
    cut,
    swallow: () => void (isSilent = true),
    async restore() {
      // What was swallowed leaves a stream with a hole: such connections are of no use any more.
      if (isSilent) for (const end of ends) end.destroy();
      isSilent = false;
      if (server) return;
      server = createServer(accept).listen(ours, '127.0.0.1');
      await once(server, 'listening');
    },
    close: cut,
  };
}
