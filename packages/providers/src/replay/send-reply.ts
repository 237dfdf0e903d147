import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
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
  if (drip) await dripOut(response, Buffer.from(text), drip.bytesPerSecond);
  else if (huge) await padOut(response, text, huge.megabytes * MEGABYTE);
  if (response.destroyed) return;
  const gone = Promise.race([once(response, 'finish'), once(response, 'close')]);
  response.end(drip || huge ? undefined : text);
  await gone;
}

async function dripOut(response: ServerResponse, bytes: Buffer, bytesPerSecond: number): Promise<void> {
  const size = Math.max(1, Math.round(bytesPerSecond / DRIPS_PER_SECOND));
  for (let at = 0; at < bytes.length && !response.destroyed; at += size) {
    response.write(bytes.subarray(at, at + size));
    await sleep((1_000 * size) / bytesPerSecond);
  }
}

/** White space behind the value: JSON that is well formed, so that nothing but its size speaks against it. */
async function padOut(response: ServerResponse, text: string, bytes: number): Promise<void> {
  const padding = ' '.repeat(64 * 1024);
  response.write(text);
  for (let sent = text.length; sent < bytes && !response.destroyed; sent += padding.length) {
    if (response.write(padding)) continue;
    await Promise.race([once(response, 'drain'), once(response, 'close')]);
  }
}
