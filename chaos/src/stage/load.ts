import { setTimeout as sleep } from 'node:timers/promises';
import type { Timeframe } from '@candlefleet/core';
import { timeframeMs } from '@candlefleet/core';
import {
  listExecutions,
  listTrackedSymbols,
  retryExecutions,
  setSymbolActive,
  trackSymbol,
  untrackSymbol,
} from '@candlefleet/db';
import { waitUntil } from '@candlefleet/testing';
import type { Random } from '../random.js';
import { WORKER_SLOTS, type Stage } from './stage.js';

/** What the fleet has to do while it is broken: fresh candles all the time, and history that never runs out. */
export interface Load {
  /** Symbols whose fresh candles are wanted, minute by minute. */
  readonly live: readonly string[];
  /** Symbols that are wanted now, whose history has an end. */
  readonly past: readonly string[];
  /** A symbol's history that is asked for now; answers the id of its newest execution. */
  newExecution(): Promise<string>;
  addPast(): Promise<string>;
  pauseFor(symbol: string, ms: number): Promise<void>;
  removeAndAdd(symbol: string, ms: number): Promise<void>;
  /** As a person does it in Bull Board. Answers how many there were. */
  retryFailed(): Promise<number>;
  /** No history is added from now on. */
  endHistory(): Promise<void>;
  /** The live symbols end. */
  end(): Promise<void>;
}

const ACTOR = 'chaos';
const MINUTE_MS = 60_000;
const FIRST_DAY_MS = Date.UTC(2024, 0, 1);
const LIVE_SYMBOLS = 4;
/** History is added while fewer executions are unfinished than all workers can hold, and these few more. */
const MORE_THAN_HELD = 4;
const LOOK_EVERY_MS = 500;
const PAGE = 1_000;

export async function startLoad(stage: Stage, random: Random): Promise<Load> {
  const { db } = stage;
  const left = [...stage.options.symbols];
  const live = left.splice(0, LIVE_SYMBOLS);
  const past: string[] = [];
  let isEnding = false;

  const next = (): string => {
    const symbol = left.shift();
    if (!symbol) throw new Error('the stage has no more symbols');
    return symbol;
  };
  const track = (symbol: string, timeframe: Timeframe, fromMs: number, toMs?: number) =>
    trackSymbol(
      db,
      {
        provider: 'replay',
        symbol,
        assetClass: 'crypto',
        calendar: '24x7',
        timeframes: [timeframe],
        historyFromMs: fromMs,
        historyToMs: toMs,
      },
      ACTOR,
    );
  const histories = new Map<string, { timeframe: Timeframe; toMs: number }>();
  async function addPast(): Promise<string> {
    const symbol = next();
    const timeframe = random.pick(['1m', '1m', '1m', '5m', '1h'] as const);
    const pages = random.whole(5, 25);
    const toMs = FIRST_DAY_MS + pages * PAGE * timeframeMs(timeframe);
    histories.set(symbol, { timeframe, toMs });
    await track(symbol, timeframe, FIRST_DAY_MS, toMs);
    past.push(symbol);
    return symbol;
  }
  const liveFromMs = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - 3 * 24 * 60 * MINUTE_MS;
  for (const symbol of live) await track(symbol, '1m', liveFromMs);

  const feeding = (async () => {
    while (!isEnding) {
      await feed().catch(() => {});
      await sleep(LOOK_EVERY_MS);
    }
  })();
  async function feed(): Promise<void> {
    const [row] = await db.run(
      'backlog',
      (sql) => sql<{ unfinished: number }[]>`
        select count(*)::int as unfinished from backfill_state_persistent
        where status in ('pending', 'in_progress') and kind <> 'tail'`,
    );
    if (row && row.unfinished < stage.options.workers * WORKER_SLOTS + MORE_THAN_HELD) await addPast();
  }

  async function restore(symbol: string): Promise<void> {
    const history = histories.get(symbol);
    if (history) await track(symbol, history.timeframe, FIRST_DAY_MS, history.toMs);
    else await track(symbol, '1m', liveFromMs);
  }

  return {
    live,
    past,
    addPast,
    async newExecution() {
      const symbol = await addPast();
      return waitUntil('its execution', async () => {
        const rows = await listExecutions(db, { limit: 100 });
        return rows.find((one) => one.symbol === symbol)?.executionId;
      });
    },
    async pauseFor(symbol, ms) {
      const change = { provider: 'replay', symbol };
      await setSymbolActive(db, { ...change, active: false }, ACTOR);
      await sleep(ms);
      await setSymbolActive(db, { ...change, active: true }, ACTOR);
    },
    async removeAndAdd(symbol, ms) {
      await untrackSymbol(db, 'replay', symbol, ACTOR);
      await sleep(ms);
      await restore(symbol);
    },
    async retryFailed() {
      const failed = await listExecutions(db, { limit: 1_000, statuses: ['failed'] });
      const retried = await retryExecutions(
        db,
        failed.map((one) => one.executionId),
        ACTOR,
      );
      return retried.length;
    },
    async endHistory() {
      isEnding = true;
      await feeding;
    },
    async end() {
      for (const { symbol, active } of await listTrackedSymbols(db))
        if (!active) await setSymbolActive(db, { provider: 'replay', symbol, active: true }, ACTOR);
      // A candle that has just closed is still to settle.
      const endMs = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - MINUTE_MS;
      for (const symbol of live) await track(symbol, '1m', liveFromMs, endMs);
    },
  };
}
