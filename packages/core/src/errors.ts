import { redact } from './redact.js';

export interface FleetErrorInit {
  /** Stable, snake_case: what rows, logs and metrics carry. */
  readonly code: string;
  /** For a person: names the thing, what was expected and how to mend it. */
  readonly message: string;
  /** Whether trying again can help without anyone doing something. */
  readonly retryable: boolean;
  /** Earliest sensible next try, as a duration. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/**
 * The one base of every error that candlefleet makes on purpose. Redacted when made: no key, token or signed
 * URL reaches a row, a job, a log or an alert.
 */
export class FleetError extends Error {
  readonly code: string;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(init: FleetErrorInit) {
    super(redact(init.message), init.cause === undefined ? undefined : { cause: init.cause });
    this.name = new.target.name;
    this.code = init.code;
    this.retryable = init.retryable;
    this.retryAfterMs = init.retryAfterMs;
  }
}

/** What a caller gave us is wrong: a flag, a variable, a payload, a file. Retrying cannot help. */
export class BadInputError extends FleetError {
  constructor(message: string, cause?: unknown) {
    super({ code: 'bad_input', message, retryable: false, cause });
  }
}

/** Any thrown value as an error with a code. What we did not make ourselves is `unexpected` and may be retried. */
export function asFleetError(thrown: unknown): FleetError {
  if (thrown instanceof FleetError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new FleetError({ code: 'unexpected', message, retryable: true, cause: thrown });
}
