import { FleetError } from '@candlefleet/core';

interface ProviderErrorInit {
  readonly provider: string;
  readonly what: string;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** What a provider did, or did not do. The subclass says whether a retry can help. */
export abstract class ProviderError extends FleetError {
  readonly provider: string;

  protected constructor(
    code: string,
    retryable: boolean,
    { provider, what, retryAfterMs, cause }: ProviderErrorInit,
  ) {
    super({ code, message: `${provider}: ${what}`, retryable, retryAfterMs, cause });
    this.provider = provider;
  }
}

/** Where the server does not tell: enough for most windows to pass, and Binance's shortest ban. */
const RATE_LIMIT_DEFAULT_MS = 10_000;
const BAN_DEFAULT_MS = 120_000;

/** The provider keeps us away for a while. */
export abstract class RefusedError extends ProviderError {
  abstract readonly isBan: boolean;
  /** The server's own, where it told. */
  override readonly retryAfterMs: number;

  protected constructor(code: string, init: ProviderErrorInit, defaultMs: number) {
    const retryAfterMs = init.retryAfterMs ?? defaultMs;
    super(code, true, { ...init, retryAfterMs });
    this.retryAfterMs = retryAfterMs;
  }
}

/** 429: slow down. */
export class RateLimitedError extends RefusedError {
  readonly isBan = false;

  constructor(init: ProviderErrorInit) {
    super('rate_limited', init, RATE_LIMIT_DEFAULT_MS);
  }
}

/** 418 and its like: every further request lengthens it. */
export class BannedError extends RefusedError {
  readonly isBan = true;

  constructor(init: ProviderErrorInit) {
    super('banned', init, BAN_DEFAULT_MS);
  }
}

export class UnavailableError extends ProviderError {
  constructor(init: ProviderErrorInit) {
    super('unavailable', true, init);
  }
}

export class TimedOutError extends ProviderError {
  constructor(init: ProviderErrorInit) {
    super('timed_out', true, init);
  }
}

export class AnswerMalformedError extends ProviderError {
  constructor(init: ProviderErrorInit) {
    super('answer_malformed', true, init);
  }
}

export class SymbolUnknownError extends ProviderError {
  constructor(init: ProviderErrorInit) {
    super('symbol_unknown', false, init);
  }
}

export class NotAuthorisedError extends ProviderError {
  constructor(init: ProviderErrorInit) {
    super('not_authorised', false, init);
  }
}

/** The provider understood, and refuses: a timeframe that it does not have, a parameter out of range. */
export class RequestRefusedError extends ProviderError {
  constructor(init: ProviderErrorInit) {
    super('request_refused', false, init);
  }
}

export class ProviderUnknownError extends FleetError {
  constructor(message: string) {
    super({ code: 'provider_unknown', message, retryable: false });
  }
}
