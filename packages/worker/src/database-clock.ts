import type { Clock } from '@candlefleet/core';
import type { Logger } from 'pino';

/** Further off than this, a process refuses to store (DESIGN §8). */
const MAX_SKEW_MS = 2_000;

/** The database's clock, carried on by this machine's. */
export interface DatabaseClock {
  /** This machine's clock can be trusted. */
  readonly isRight: boolean;
  nowMs(): number;
  /** Takes an answer of the database's clock that has just come, and how long it was under way. */
  note(databaseMs: number, roundTripMs: number): void;
}

export function createDatabaseClock(clock: Clock, log: Logger): DatabaseClock {
  let offsetMs = 0;
  let isRight = true;
  return {
    get isRight() {
      return isRight;
    },
    nowMs: () => clock.nowMs() + offsetMs,
    note(databaseMs, roundTripMs) {
      offsetMs = databaseMs - (clock.nowMs() - roundTripMs / 2);
      const skewMs = Math.abs(offsetMs);
      const wasRight = isRight;
      // The database looked at its clock some time within the round trip: a slow answer alone proves no skew.
      if (skewMs - roundTripMs / 2 > MAX_SKEW_MS) isRight = false;
      else if (skewMs <= MAX_SKEW_MS) isRight = true;
      if (wasRight && !isRight) {
        log.error(
          { skewMs: Math.round(offsetMs) },
          "this machine's clock is off the database's: taking and storing nothing until it is right",
        );
      }
    },
  };
}
