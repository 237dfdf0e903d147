import { hostname } from 'node:os';
import { type Clock } from '@candlefleet/core';
import { endLease, renewLease, type Database } from '@candlefleet/db';
import type { Logger } from 'pino';
import { v7 } from 'uuid';

/** Further off than this, a process refuses to store (DESIGN §8). */
const MAX_SKEW_MS = 2_000;

export interface LeaseKeeper {
  readonly workerId: string;
  /** The lease lives, and this machine's clock can be trusted: claims and writes are allowed. */
  readonly mayWork: boolean;
  /** The database's clock, carried on by this machine's. */
  dbNowMs(): number;
  /** From before the claim is sent until the last statement was answered, or the deadline passed. */
  hold(executionId: string, deadlineMs: number): void;
  drop(executionId: string): void;
  /** Aborted when the lease could not be renewed in time: nothing may be written any more. A new one each time. */
  readonly aliveSignal: AbortSignal;
  renew(): Promise<void>;
  close(): Promise<void>;
}

export interface LeaseKeeperOptions {
  readonly db: Database;
  readonly workerId?: string | undefined;
  readonly version: string;
  readonly leaseMs: number;
  readonly renewMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly queues: () => readonly string[];
}

/** Renews the worker's lease; the lease is counted from before the renewal was sent, so it never outlives the row's. */
export async function createLeaseKeeper(options: LeaseKeeperOptions): Promise<LeaseKeeper> {
  const { db, clock, log, leaseMs, renewMs } = options;
  const workerId = options.workerId ?? v7();
  const held = new Map<string, number>();
  let offsetMs = 0;
  let isSkewed = false;
  let aliveUntil = 0;
  let alive = new AbortController();
  let expiry: NodeJS.Timeout | undefined;
  let isClosed = false;

  async function renew(): Promise<void> {
    const sentAt = performance.now();
    const sentMs = clock.nowMs();
    for (const [id, deadline] of held) if (deadline < sentAt) held.delete(id);
    const { nowMs, released } = await renewLease(db, {
      workerId,
      host: hostname(),
      pid: process.pid,
      version: options.version,
      leaseMs,
      held: [...held.keys()],
      queues: options.queues(),
      load: { held: held.size },
    });
    for (const executionId of released)
      log.warn({ executionId }, 'handed back an execution that nobody works on');
    noteClock(nowMs - (sentMs + clock.nowMs()) / 2);
    stayAliveUntil(sentAt + leaseMs);
  }

  function noteClock(offset: number): void {
    const wasSkewed = isSkewed;
    offsetMs = offset;
    isSkewed = Math.abs(offset) > MAX_SKEW_MS;
    if (isSkewed && !wasSkewed) {
      log.error(
        { skewMs: Math.round(offset) },
        "this machine's clock is off the database's: storing nothing until it is right",
      );
      alive.abort(new Error('clock skew'));
    }
  }

  function stayAliveUntil(at: number): void {
    aliveUntil = at;
    if (alive.signal.aborted && !isSkewed) alive = new AbortController();
    clearTimeout(expiry);
    expiry = setTimeout(() => {
      log.error('the lease could not be renewed in time: stopping all work in hand');
      alive.abort(new Error('lease lost'));
    }, at - performance.now());
    expiry.unref();
  }

  await renew();
  const timer = setInterval(() => {
    if (isClosed) return;
    renew().catch((error: unknown) => log.warn({ err: error }, 'lease not renewed'));
  }, renewMs);

  return {
    workerId,
    get mayWork() {
      return !alive.signal.aborted && performance.now() < aliveUntil;
    },
    get aliveSignal() {
      return alive.signal;
    },
    dbNowMs: () => clock.nowMs() + offsetMs,
    hold: (executionId, deadlineMs) => held.set(executionId, performance.now() + deadlineMs),
    drop: (executionId) => held.delete(executionId),
    renew,
    async close() {
      isClosed = true;
      clearInterval(timer);
      clearTimeout(expiry);
      await endLease(db, workerId);
    },
  };
}
