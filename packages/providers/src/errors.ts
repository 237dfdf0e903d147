import { FleetError } from '@candlefleet/core';

interface ProviderErrorInit {
  readonly provider: string;
  readonly what: string;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** What a provider did, or did not do. The subclass says whether a retry can help, and how a person mends it. */
export abstract class ProviderError extends FleetError {
  readonly provider: string;

  protected constructor(
    kind: { code: string; retryable: boolean; mend: string },
    { provider, what, retryAfterMs, cause }: ProviderErrorInit,
  ) {
    const { code, retryable, mend } = kind;
    const message = `${provider}: ${what.replace(/[.\s]+$/, '')}. ${mend}`;
    super({ code, message, retryable, retryAfterMs, cause });
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
    const mend = `Nothing is sent to it for ${Math.ceil(retryAfterMs / 1_000)} s. If this comes often, something else uses our address too.`;
    super({ code, retryable: true, mend }, { ...init, retryAfterMs });
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

const ASKED_AGAIN = 'It is asked again; if that does not help, look at its status page and at the network.';
const MALFORMED =
  'It is asked again; if that does not help, look for a proxy on the way, or a change of its API.';
const FIND_SYMBOLS =
  'Symbols are written like BTC/USDT; `npx candlefleet symbols find` lists them. If it is there, retry.';

export class UnavailableError extends ProviderError {
  constructor(init: ProviderErrorInit) {
    super({ code: 'unavailable', retryable: true, mend: ASKED_AGAIN }, init);
  }
}

export class TimedOutError extends ProviderError {
  constructor(init: ProviderErrorInit) {
    super({ code: 'timed_out', retryable: true, mend: ASKED_AGAIN }, init);
  }
}

export class AnswerMalformedError extends ProviderError {
  constructor(init: ProviderErrorInit) {
    super({ code: 'answer_malformed', retryable: true, mend: MALFORMED }, init);
  }
}

export class SymbolUnknownError extends ProviderError {
  constructor(init: ProviderErrorInit) {
    super({ code: 'symbol_unknown', retryable: false, mend: FIND_SYMBOLS }, init);
  }
}

export class NotAuthorisedError extends ProviderError {
  constructor(init: ProviderErrorInit) {
    const key = `PROVIDER_API_KEY_${init.provider.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`;
    super(
      { code: 'not_authorised', retryable: false, mend: `Check ${key} and its secret, then retry.` },
      init,
    );
  }
}

/** The provider understood, and refuses: a timeframe that it does not have, a parameter out of range. */
export class RequestRefusedError extends ProviderError {
  constructor(init: ProviderErrorInit) {
    super({ code: 'request_refused', retryable: false, mend: 'Track what it serves.' }, init);
  }
}

export class ProviderUnknownError extends FleetError {
  constructor(message: string) {
    super({ code: 'provider_unknown', message, retryable: false });
  }
}
