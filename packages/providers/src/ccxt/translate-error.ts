import { asFleetError, FleetError } from '@candlefleet/core';
import {
  AnswerMalformedError,
  BannedError,
  NotAuthorisedError,
  RateLimitedError,
  RequestRefusedError,
  SymbolUnknownError,
  TimedOutError,
  UnavailableError,
} from '../errors.js';
import { withinReason } from './retry-after.js';
import type { WireContext } from './wire.js';

const BANNED_UNTIL = /banned until (\d{13})/i;
const LONGEST_TEXT = 300;

/**
 * A ccxt error as one of ours: by the answer's status first, then by ccxt's class. A refusal is one whatever becomes of
 * its body, and of the caller: everybody has to hear of it.
 */
export function translateError(
  provider: string,
  thrown: unknown,
  context: WireContext,
  nowMs: number,
): unknown {
  const error = asFleetError(thrown);
  // ccxt's messages quote the body: never more than its beginning is kept.
  const what = error.message.slice(0, LONGEST_TEXT);
  const init = { provider, what, cause: thrown };
  const retryAfterMs = waitOf(error.message, context, nowMs);
  if (context.status === 418) return new BannedError({ ...init, retryAfterMs });
  if (context.status === 429)
    return BANNED_UNTIL.test(error.message)
      ? new BannedError({ ...init, retryAfterMs })
      : new RateLimitedError({ ...init, retryAfterMs });
  if (context.signal.aborted) return context.signal.reason;
  if (thrown instanceof FleetError) return thrown;
  if (BANNED_UNTIL.test(error.message)) return new BannedError({ ...init, retryAfterMs });
  const kinds = new Set(classNames(thrown));
  if (kinds.has('BadSymbol')) return new SymbolUnknownError(init);
  if (kinds.has('AuthenticationError') || kinds.has('PermissionDenied')) return new NotAuthorisedError(init);
  if (kinds.has('RateLimitExceeded') || kinds.has('DDoSProtection'))
    return new RateLimitedError({ ...init, retryAfterMs });
  if (kinds.has('RequestTimeout')) return new TimedOutError(init);
  if (kinds.has('BadResponse') || kinds.has('NullResponse')) return new AnswerMalformedError(init);
  if (kinds.has('NetworkError') || (context.status ?? 0) >= 500)
    return new UnavailableError({ ...init, retryAfterMs });
  if (kinds.has('BadRequest') || kinds.has('NotSupported') || kinds.has('ArgumentsRequired'))
    return new RequestRefusedError(init);
  return new AnswerMalformedError(init);
}

/** The longer one of what the answer's head and its body say. */
function waitOf(message: string, { retryAfterMs }: WireContext, nowMs: number): number | undefined {
  const until = BANNED_UNTIL.exec(message)?.[1];
  return until ? Math.max(withinReason(Number(until) - nowMs), retryAfterMs ?? 0) : retryAfterMs;
}

/** ccxt's classes by name, up the chain: ccxt is loaded late, so its classes are not at hand here. */
function classNames(thrown: unknown): string[] {
  const names: string[] = [];
  for (
    let proto = thrown instanceof Error ? Object.getPrototypeOf(thrown) : null;
    proto;
    proto = Object.getPrototypeOf(proto)
  ) {
    names.push(String(proto.constructor?.name));
  }
  return names;
}
