import type { Reply } from './binance-wire.js';
import type { Struck } from './fault-die.js';

/** A sound answer in another form than documented, by the faults that strike the request. */
export function spoilReply(reply: Reply, faults: Struck): Reply {
  if (reply.status !== 200) return reply;
  if (faults.of('html_page')) {
    return {
      status: 200,
      body: '<!doctype html><html><body><h1>Scheduled maintenance</h1></body></html>',
      headers: { 'content-type': 'text/html; charset=utf-8' },
    };
  }
  const text = JSON.stringify(reply.body);
  const json = { ...reply, headers: { 'content-type': 'application/json;charset=UTF-8' } };
  if (faults.of('truncated_json')) return { ...json, body: text.slice(0, Math.floor(text.length / 2)) };
  // As programs write it that take JSON for their own literals.
  if (faults.of('malformed_json')) return { ...json, body: text.replace(/"[^"]*"|\[\]/, 'NaN') };
  return reply;
}

/** An error whose text holds what neither Postgres nor its JSON accepts: U+0000, raw and escaped, and half a pair. */
export function unstorableError(status: number): Reply {
  return { status, body: '{"code":-1000,"msg":"the server is not well \u0000 \\u0000 \\ud800 \u0000"}' };
}
