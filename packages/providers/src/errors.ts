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

/** 429: slow down. `retryAfterMs` is the server's own, where it told. */
export class RateLimitedError extends ProviderError {
  constructor(init: ProviderErrorInit) {
    super('rate_limited', true, init);
  }
}

/** 418 and its like: every further request lengthens it. */
export class BannedError extends ProviderError {
  constructor(init: ProviderErrorInit) {
    super('banned', true, init);
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
