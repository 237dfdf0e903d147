import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Reply } from './binance-wire.js';
import type { Struck } from './fault-die.js';

const MEGABYTE = 1024 * 1024;
const DRIPS_PER_SECOND = 5;

/** Sends a reply, by the faults that strike the request. Resolves when it has left, or nobody reads it any more. */
export async function sendReply(
  response: ServerResponse,
  { status, body, headers }: Reply,
  faults: Struck,
): Promise<void> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const huge = faults.of('huge_body');
  const drip = faults.of('slow_drip');
  response.writeHead(status, {
    'content-type': typeof body === 'string' ? 'text/plain' : 'application/json;charset=UTF-8',
    ...(huge ? {} : { 'content-length': Buffer.byteLength(text) }),
    ...headers,
  });
  if (faults.of('reset_in_body')) {
    response.write(text.slice(0, Math.floor(text.length / 2)), () => response.socket?.resetAndDestroy());
    return;
  }
  if (drip) return sendParts(response, dripOut(Buffer.from(text), drip.bytesPerSecond));
  if (huge) return sendParts(response, padOut(text, huge.megabytes * MEGABYTE));
  const gone = Promise.race([once(response, 'finish'), once(response, 'close')]);
  response.end(text);
  await gone;
}

/** As fast as it is read, for as long as it is. */
async function sendParts(response: ServerResponse, parts: AsyncGenerator<Buffer>): Promise<void> {
  await pipeline(Readable.from(parts), response).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  });
}

async function* dripOut(bytes: Buffer, bytesPerSecond: number): AsyncGenerator<Buffer> {
  const size = Math.max(1, Math.round(bytesPerSecond / DRIPS_PER_SECOND));
  for (let at = 0; at < bytes.length; at += size) {
    yield bytes.subarray(at, at + size);
    await sleep((1_000 * size) / bytesPerSecond);
  }
}

/** White space behind the value: JSON that is well formed, so that nothing but its size speaks against it. */
async function* padOut(text: string, bytes: number): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
  const padding = Buffer.alloc(64 * 1024, ' ');
  for (let sent = text.length; sent < bytes; sent += padding.length) yield padding;
}
