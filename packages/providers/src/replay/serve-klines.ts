import { alwaysOpen, isTimeframe, openAtOrAfter, type Timeframe } from '@candlefleet/core';
import { toWire, type Reply } from './binance-wire.js';
import type { Struck } from './fault-die.js';
import { readPage } from './read-page.js';
import type { ReplayMarket } from './replay-market.js';
import type { Revisions } from './revisions.js';
import { spoilReply, unstorableError } from './spoil-reply.js';
import { spoilRows } from './spoil-rows.js';

const MOST_CANDLES = 1_000;

/** A request for candles that was let in. */
export interface KlinesAsk {
  readonly query: URLSearchParams;
  /** As the market names it; empty for one that it does not have. */
  readonly symbol: string;
  readonly nowMs: number;
  readonly requestNumber: number;
  readonly faults: Struck;
}

/** Answers /api/v3/klines as Binance does, but for the faults. */
export async function serveKlines(
  { market, revisions }: { market: ReplayMarket; revisions: Revisions },
  { query, symbol, nowMs, requestNumber, faults }: KlinesAsk,
): Promise<Reply> {
  const failed = faults.of('server_error');
  if (failed) return { status: failed.status, body: 'the server is not well' };
  const unstorable = faults.of('nul_in_message');
  if (unstorable) return unstorableError(unstorable.status);
  const timeframe = query.get('interval') ?? '';
  if (!symbol || faults.of('symbol_refused'))
    return { status: 400, body: { code: -1121, msg: 'Invalid symbol.' } };
  if (!isTimeframe(timeframe)) return { status: 400, body: { code: -1120, msg: 'Invalid interval.' } };
  if (faults.of('empty_page')) return spoilReply({ status: 200, body: [], candles: 0 }, faults);

  const askedMs = Number(query.get('startTime') ?? 0);
  const late = faults.of('late_rows')?.rows ?? 0;
  const truth = await readPage(market, {
    symbol,
    timeframe,
    fromMs: startOf(askedMs, timeframe, faults),
    toMs: query.has('endTime') && late === 0 ? Number(query.get('endTime')) + 1 : Number.POSITIVE_INFINITY,
    limit: Math.min(MOST_CANDLES, Number(query.get('limit') ?? 500)) + late,
    nowMs,
  });
  const isRevising = Boolean(faults.of('revised_candle'));
  const candles = revisions.read(truth, { symbol, timeframe, nowMs, isRevising });
  const forming = faults.of('forming_candle') ? market.forming(symbol, timeframe, nowMs) : undefined;
  if (forming && forming.openMs >= askedMs) candles.push(forming);
  const rows = candles.map((candle) => toWire(candle, timeframe));
  const body = spoilRows(rows, faults, requestNumber);
  return spoilReply({ status: 200, body, candles: candles.length }, faults);
}

/** Some candles after what was asked, or before it, where a fault says so. */
function startOf(askedMs: number, timeframe: Timeframe, faults: Struck): number {
  const steps = (faults.of('shifted_page')?.rows ?? 0) - (faults.of('early_rows')?.rows ?? 0);
  if (steps === 0) return askedMs;
  return alwaysOpen.stepOpen(timeframe, openAtOrAfter(alwaysOpen, timeframe, askedMs), steps);
}
