import { AsyncLocalStorage } from 'node:async_hooks';
import { limitSignal, type Clock, type RequestGate, type RequestPurpose } from '@candlefleet/core';
import { AnswerMalformedError, TimedOutError, UnavailableError } from '../errors.js';
import { shapeFault } from './answer-shapes.js';
import { readErrorText, readText } from './read-body.js';
import { parseRetryAfter } from './retry-after.js';

/** The largest honest page is 10,000 rows of some 100 bytes; a worker reads many at once. */
const MAX_PAGE_BYTES = 4 * 1024 * 1024;

/** What one call into ccxt is for; every wire request that it makes is paid and stopped under it. */
export interface WireContext {
  readonly purpose: RequestPurpose;
  readonly weight: number;
  readonly urgent: boolean;
  readonly signal: AbortSignal;
  /** Filled in by the wire: what the last answer's head said. */
  status?: number | undefined;
  retryAfterMs?: number | undefined;
  /** Filled in by the wire: the longest wait that the gate has heard of already. */
  heardMs?: number | undefined;
  /** Filled in by the wire: an answer that was parsed and found well formed. */
  answer?: { readonly text: string; readonly value: unknown };
}

export interface Wire {
  /** Stands in for ccxt's own fetch. */
  fetch(url: string, init: RequestInit): Promise<Response>;
  run<T>(context: WireContext, work: () => Promise<T>): Promise<T>;
  /** What the text of the call's last answer says, where the wire has parsed it already. */
  parsed(text: string): unknown;
}

/** Puts the gate, the caller's signal, a timeout and a size limit on every request that ccxt makes. */
export function createWire(options: {
  provider: string;
  clock: Clock;
  gate: RequestGate;
  timeoutMs: number;
  maxAnswerBytes: number;
}): Wire {
  const { provider, clock, gate, timeoutMs, maxAnswerBytes } = options;
  const storage = new AsyncLocalStorage<WireContext>();
  return {
    run: (context, work) => storage.run(context, work),
    parsed(text) {
      const context = storage.getStore();
      const answer = context?.answer;
      if (!context || answer?.text !== text) return undefined;
      // Handed over: sockets and timers that this call opened remember its context for as long as they live.
      delete context.answer;
      return answer.value;
    },
    async fetch(url, init) {
      const context = storage.getStore();
      if (!context) throw new Error('a request outside every call: nobody pays for it');
      Object.assign(context, { status: undefined, retryAfterMs: undefined, heardMs: undefined });
      await gate.pass(context);
      const limit = limitSignal(context.signal, timeoutMs);
      try {
        const { method = 'GET', headers, body } = init;
        const response = await fetch(url, {
          method,
          ...(headers ? { headers } : {}),
          ...(body ? { body } : {}),
          redirect: 'error',
          signal: limit.signal,
        });
        noteHead(context, response, gate, clock.nowMs());
        const hearing = hearRefusal(context, gate);
        const { signal } = limit;
        const text = response.ok
          ? await readText(provider, response, { maxBytes: mostBytes(context, maxAnswerBytes), signal })
          : await readErrorText(response, signal);
        await hearing;
        refuseMalformed(provider, context, response, text);
        return new ReadResponse(text, { status: response.status, headers: response.headers });
      } catch (thrown) {
        context.signal.throwIfAborted();
        if (limit.isTimedOut)
          throw new TimedOutError({
            provider,
            what: `no whole answer within ${timeoutMs} ms`,
            cause: thrown,
          });
        if (thrown instanceof TypeError) {
          throw new UnavailableError({
            provider,
            what: `the request did not get through (${causeOf(thrown)})`,
            cause: thrown,
          });
        }
        throw thrown;
      } finally {
        limit.dispose();
      }
    },
  };
}

/** An answer whose body was read already: it is not turned into bytes and back. */
class ReadResponse extends Response {
  override readonly text: () => Promise<string>;
  override readonly json: () => Promise<unknown>;

  constructor(text: string, head: ResponseInit) {
    super(null, head);
    this.text = () => Promise.resolve(text);
    this.json = async () => JSON.parse(text);
  }
}

function noteHead(context: WireContext, response: Response, gate: RequestGate, nowMs: number): void {
  context.status = response.status;
  context.retryAfterMs = parseRetryAfter(response.headers, nowMs);
  const used = Number(response.headers.get('x-mbx-used-weight-1m') ?? Number.NaN);
  if (Number.isFinite(used)) gate.observeUsed({ weight: used });
}

/** The fleet hears of it before the body is read: that may take long, or never end. */
async function hearRefusal(context: WireContext, gate: RequestGate): Promise<void> {
  const { status, retryAfterMs } = context;
  if ((status !== 418 && status !== 429) || retryAfterMs === undefined) return;
  context.heardMs = retryAfterMs;
  await gate.observeRefused({ retryAfterMs, isBan: status === 418 });
}

function isForCandles({ purpose }: WireContext): boolean {
  return purpose === 'candles' || purpose === 'confirmation';
}

function mostBytes(context: WireContext, maxAnswerBytes: number): number {
  return isForCandles(context) ? Math.min(MAX_PAGE_BYTES, maxAnswerBytes) : maxAnswerBytes;
}

/** An error page of a proxy, half an answer, or one of another shape must not reach ccxt's lenient parsers. */
function refuseMalformed(provider: string, context: WireContext, response: Response, text: string): void {
  if (!response.ok) return;
  const answer = parseJson(provider, response, text);
  if (!isForCandles(context)) return;
  const fault = shapeFault(provider, answer);
  if (fault)
    throw new AnswerMalformedError({
      provider,
      what: `the candles have another shape than documented (${fault})`,
    });
  context.answer = { text, value: answer };
}

function parseJson(provider: string, response: Response, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const type = response.headers.get('content-type') ?? 'no content type';
    throw new AnswerMalformedError({
      provider,
      what: `the answer (${type}, ${text.length} characters) is no JSON`,
      cause,
    });
  }
}

function causeOf(error: Error): string {
  const cause = error.cause;
  if (cause instanceof Error && 'code' in cause) return String(cause.code);
  return cause instanceof Error ? cause.message : error.message;
}
