import { hostname } from 'node:os';
import { oneAtATime, type Clock } from '@candlefleet/core';
import { connectDatabase, endLease, renewLease, type Database } from '@candlefleet/db';
import type { Logger } from 'pino';
import { v7 } from 'uuid';
import { createDatabaseClock } from './database-clock.js';
import { createHolds, type Holds } from './holds.js';
import { createLeaseLife } from './lease-life.js';

export interface LeaseKeeper {
  readonly workerId: string;
  /** The lease lives, and this machine's clock can be trusted: claims and writes are allowed. */
  readonly mayWork: boolean;
  /** How long a job rests that cannot run now: until the lease was renewed once more. */
  readonly restMs: number;
  /** The database's clock, carried on by this machine's. */
  dbNowMs(): number;
  /**
   * From before the claim is sent until the last statement was answered, or the deadline passed. Answers how it is
   * ended; an execution that two jobs of this worker hold is held until both have let go.
   */
  hold(executionId: string, deadlineMs: number): () => void;
  /** What is in hand, and how it gets on. */
  readonly holds: Pick<Holds, 'step' | 'quietest'>;
  /** Aborted when the lease could not be renewed in time: nothing may be written any more. A new one each time. */
  readonly aliveSignal: AbortSignal;
  close(): Promise<void>;
}

export interface LeaseKeeperOptions {
  /** Where the lease is. The keeper has a connection of its own there, so that no renewal waits behind chunks. */
  readonly db: Pick<Database, 'url' | 'directUrl'>;
  readonly workerId?: string | undefined;
  readonly version: string;
  readonly leaseMs: number;
  readonly renewMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly queues: () => readonly string[];
  /** Told whenever it may have changed. */
  readonly onMayWork?: ((mayWork: boolean) => void) | undefined;
}

/** Renews the worker's lease; the lease is counted from before the renewal was sent, so it never outlives the row's. */
export async function createLeaseKeeper(options: LeaseKeeperOptions): Promise<LeaseKeeper> {
  const { log, leaseMs } = options;
  const workerId = options.workerId ?? v7();
  const db = connectLease(options);
  const holds = createHolds();
  const dbClock = createDatabaseClock(options.clock, log);
  const life = createLeaseLife(log, () => tell());
  const mayWork = () => dbClock.isRight && life.lasts;
  const tell = () => options.onMayWork?.(mayWork());
  const send = createRenewal(db, workerId, options, () => holds.ids());

  const renew = oneAtATime(async () => {
    const sentAt = performance.now();
    dbClock.note(await send(), performance.now() - sentAt);
    life.extend(sentAt + leaseMs, dbClock.isRight);
    tell();
  });
  await renew().catch(async (error: unknown) => {
    await db.close();
    throw error;
  });
  const timer = setInterval(() => {
    renew().catch((error: unknown) => log.warn({ err: error }, 'lease not renewed'));
  }, options.renewMs);

  let closing: Promise<void> | undefined;
  async function close(): Promise<void> {
    clearInterval(timer);
    life.end();
    await endLease(db, workerId).finally(() => db.close());
  }
  return {
    workerId,
    restMs: options.renewMs,
    get mayWork() {
      return mayWork();
    },
    get aliveSignal() {
      return life.signal;
    },
    dbNowMs: () => dbClock.nowMs(),
    hold: holds.hold,
    holds,
    close: () => (closing ??= close()),
  };
}

/** Gives up on an answer early enough for other tries within the lease. */
function connectLease({ db, leaseMs }: LeaseKeeperOptions): Database {
  return connectDatabase({
    url: db.url,
    directUrl: db.directUrl,
    applicationName: 'candlefleet worker (lease)',
    poolSize: 1,
    deadlineMs: Math.max(1_000, Math.round(leaseMs / 6)),
  });
}

/** Sends one renewal. Answers the database's clock. */
function createRenewal(db: Database, workerId: string, options: LeaseKeeperOptions, heldIds: () => string[]) {
  let claimedBeforeMs: number | undefined;
  return async (): Promise<number> => {
    const held = heldIds();
    const { nowMs, released } = await renewLease(db, {
      workerId,
      host: hostname(),
      pid: process.pid,
      version: options.version,
      leaseMs: options.leaseMs,
      held,
      claimedBeforeMs,
      queues: options.queues(),
      load: { held: held.length },
    });
    claimedBeforeMs = nowMs;
    for (const executionId of released)
      options.log.warn({ executionId }, 'handed back an execution that nobody works on');
    return nowMs;
  };
}
