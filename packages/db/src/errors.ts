import { FleetError } from '@candlefleet/core';

/** A statement that did not succeed. The driver's message may hold row values: only its SQLSTATE is told. */
export class DatabaseError extends FleetError {
  readonly sqlState: string | undefined;
  /** The statement may or may not have taken effect: its answer never came. */
  readonly outcomeUnknown: boolean;

  constructor(what: string, thrown: unknown) {
    const sqlState = sqlStateOf(thrown);
    super({
      code: 'database_error',
      message: `${what}: the database answered ${describe(thrown, sqlState)}.`,
      retryable: true,
      cause: thrown,
    });
    this.sqlState = sqlState;
    this.outcomeUnknown = sqlState === undefined;
  }
}

export class DatabaseSilentError extends FleetError {
  constructor(what: string, deadlineMs: number) {
    super({
      code: 'database_silent',
      message: `${what}: no answer from the database within ${deadlineMs} ms.`,
      retryable: true,
    });
  }
}

/** Whether the statement may or may not have taken effect. */
export function isOutcomeUnknown(thrown: unknown): boolean {
  return thrown instanceof DatabaseSilentError || (thrown instanceof DatabaseError && thrown.outcomeUnknown);
}

export class DatabaseUnusableError extends FleetError {
  constructor(message: string, cause?: unknown) {
    super({ code: 'database_unusable', message, retryable: false, cause });
  }
}

/** The five-character SQLSTATE of a driver's error, or of the error that Drizzle wrapped around it. */
export function sqlStateOf(thrown: unknown): string | undefined {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if ('code' in error && typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code))
      return error.code;
  }
  return undefined;
}

function describe(thrown: unknown, sqlState: string | undefined): string {
  if (sqlState) return `SQLSTATE ${sqlState}`;
  if (thrown instanceof Error && 'code' in thrown) return String(thrown.code);
  return 'with an error';
}
