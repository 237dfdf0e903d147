import { FleetError } from '@candlefleet/core';

/** Exit codes that scripts can use. */
export const EXIT = { failed: 1, badInput: 2, notRunning: 3, incomplete: 4 } as const;

export class NotRunningError extends FleetError {
  constructor(dataDir: string) {
    super({
      code: 'not_running',
      message: `No fleet runs in ${dataDir}. Start it with \`npm start\`, name its folder with --data-dir, or set DATABASE_URL.`,
      retryable: false,
    });
  }
}

/** A person asked for something that is not there. */
export class NotFoundError extends FleetError {
  constructor(message: string) {
    super({ code: 'not_found', message, retryable: false });
  }
}

/** The exit code that tells this error apart. */
export function exitCodeOf(error: FleetError): number {
  if (error.code === 'not_running') return EXIT.notRunning;
  if (error.code === 'bad_input' || error.code === 'provider_unknown') return EXIT.badInput;
  return EXIT.failed;
}
