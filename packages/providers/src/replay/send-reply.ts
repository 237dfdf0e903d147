import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Reply } from './binance-wire.js';
import type { Struck } from './fault-die.js';

const MEGABYTE = 1024 * 1024;
const DRIPS_PER_SECOND = 5;

/** Sends a reply, by the faults that strike the request. Resolves when it has left, or nobody reads it any more. */
export async function sendReply(
  response: ServerResponse,
  { status, body: said, headers }: Reply,
  faults: Struck,
): Promise<void> {
  const text = typeof said === 'string' ? said : JSON.stringify(said);
  const huge = faults.of('huge_body');
  const drip = faults.of('slow_drip');
  response.writeHead(status, {
    'content-type': typeof said === 'string' ? 'text/plain' : 'application/json;charset=UTF-8',
    ...(huge ? {} : { 'content-length': Buffer.byteLength(text) }),
    ...headers,
  });
  if (faults.of('reset_in_body')) {
    response.write(text.slice(0, Math.floor(text.length / 2)), () => response.socket?.resetAndDestroy());
    return;
  }
  const body = drip
    ? dripped(Buffer.from(text), drip.bytesPerSecond)
    : padded(text, (huge?.megabytes ?? 0) * MEGABYTE);
  // Whoever asked may be gone in the middle.
  await pipeline(body, response).catch(() => undefined);
}

async function* dripped(bytes: Buffer, bytesPerSecond: number): AsyncGenerator<Buffer> {
  const size = Math.max(1, Math.round(bytesPerSecond / DRIPS_PER_SECOND));
  for (let at = 0; at < bytes.length; at += size) {
    yield bytes.subarray(at, at + size);
    await sleep((1_000 * size) / bytesPerSecond);
  }
}

/** White space behind the value: JSON that is well formed, so that nothing but its size speaks against it. */
function* padded(text: string, bytes: number): Generator<string> {
  yield text;
  const padding = ' '.repeat(64 * 1024);
  for (let sent = text.length; sent < bytes; sent += padding.length) yield padding;
}
