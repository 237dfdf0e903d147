import { createHash } from 'node:crypto';
import type { Candle, Timeframe } from '@candlefleet/core';
import { listTrackedSeries, readCandles } from '@candlefleet/db';
import type { Stage } from '../stage/stage.js';

const SHOWN = 3;
const EVER = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY };

export interface Truth {
  readonly series: number;
  readonly candles: number;
  /** Told otherwise by the provider at first, and not read again. */
  readonly provisional: number;
  readonly complaints: string[];
}

/**
 * Row by row, what is stored against what the market is; then the checksum that Postgres itself makes of each series.
 * Series that are no longer tracked hold a part of the truth; the others all of what is wanted.
 */
export async function compareWithTruth(stage: Stage): Promise<Truth> {
  const { db, market } = stage;
  const wanted = new Map((await listTrackedSeries(db)).map((one) => [one.seriesId, one]));
  const all = await db.run(
    'all series',
    (sql) => sql<{ seriesId: number; symbol: string; timeframe: Timeframe }[]>`
      select series_id as "seriesId", symbol, timeframe from series where provider = 'replay' order by series_id`,
  );
  // Such a candle may have been read once only: its next readings are a tail's, and tails were lost.
  const revised = new Set(
    (await stage.control.revised()).map((one) => keyOf(one.symbol, one.timeframe, one.openMs)),
  );
  const complaints: string[] = [];
  let candles = 0;
  let provisional = 0;
  for (const { seriesId, symbol, timeframe } of all) {
    const name = `${symbol} ${timeframe}`;
    const digest = createHash('md5');
    let wrong = 0;
    let seen = 0;
    const tell = (what: string) => {
      wrong += 1;
      if (wrong <= SHOWN) complaints.push(`${name}: ${what}`);
    };
    const { wantedFromMs, wantedToMs } = wanted.get(seriesId) ?? {};
    const isWanted = (openMs: number) => openMs >= (wantedFromMs ?? Infinity) && openMs < (wantedToMs ?? 0);
    // Up to here both were compared.
    let nextMs = wantedFromMs ?? undefined;
    for await (const batch of readCandles(db, seriesId, EVER)) {
      const first = batch[0];
      const last = batch.at(-1);
      if (!first || !last) continue;
      const fromMs = Math.min(nextMs ?? first.openMs, first.openMs);
      const truth = truthOf(market, symbol, timeframe, fromMs, last.openMs + 1);
      let at = 0;
      for (const candle of batch) {
        seen += 1;
        digest.update(bytesOf(candle));
        for (let real = truth[at]; real && real.openMs < candle.openMs; real = truth[(at += 1)])
          if (isWanted(real.openMs)) tell(`${show(real.openMs)} is missing`);
        const real = truth[at];
        if (real?.openMs !== candle.openMs) {
          tell(`a candle at ${show(candle.openMs)} that the market never had`);
          continue;
        }
        at += 1;
        if (isSame(candle, real)) continue;
        if (revised.has(keyOf(symbol, timeframe, candle.openMs))) provisional += 1;
        else
          tell(`${show(candle.openMs)} is stored as ${JSON.stringify(candle)}, not ${JSON.stringify(real)}`);
      }
      nextMs = last.openMs + 1;
    }
    if (nextMs !== undefined)
      for (const { openMs } of truthOf(market, symbol, timeframe, nextMs, wantedToMs ?? nextMs))
        tell(`${show(openMs)} is missing`);
    const sum = await checksum(stage, seriesId);
    if (sum.rows !== seen || sum.md5 !== digest.digest('hex'))
      tell(`Postgres makes another checksum of its ${sum.rows} rows than we of the ${seen} that we read`);
    if (wrong > SHOWN) complaints.push(`${name}: and ${wrong - SHOWN} more`);
    candles += seen;
  }
  return { series: all.length, candles, provisional, complaints };
}

const keyOf = (symbol: string, timeframe: string, openMs: number) => `${symbol} ${timeframe} ${openMs}`;

/** In order; `toMs` is the first that does not count. */
function truthOf(
  market: Stage['market'],
  symbol: string,
  timeframe: Timeframe,
  fromMs: number,
  toMs: number,
): readonly Candle[] {
  if (toMs <= fromMs) return [];
  const limit = Number.MAX_SAFE_INTEGER;
  return market.candles({ symbol, timeframe, fromMs, toMs, limit, nowMs: Date.now() });
}

const fieldsOf = ({ open, high, low, close, volume }: Candle) => [open, high, low, close, volume];

function isSame(a: Candle, b: Candle): boolean {
  const other = fieldsOf(b);
  return fieldsOf(a).every((value, at) => Object.is(value, other[at]));
}

/** As Postgres sends doubles: big end first. */
function bytesOf(candle: Candle): Buffer {
  const bytes = Buffer.alloc(48);
  [candle.openMs, ...fieldsOf(candle)].forEach((value, at) => bytes.writeDoubleBE(value, at * 8));
  return bytes;
}

async function checksum({ db }: Stage, seriesId: number): Promise<{ rows: number; md5: string }> {
  const [row] = await db.run(
    'checksum',
    (sql) => sql<{ rows: number; md5: string }[]>`
      select count(*)::int as rows, md5(coalesce(string_agg(float8send(to_ms(time)) || float8send(open) || float8send(high)
        || float8send(low) || float8send(close) || float8send(volume), ''::bytea order by time), ''::bytea)) as md5
      from market_data where series_id = ${seriesId}`,
  );
  return row ?? { rows: 0, md5: '' };
}

const show = (ms: number) => new Date(ms).toISOString();
