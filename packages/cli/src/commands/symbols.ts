import { BadInputError, TIMEFRAMES } from '@candlefleet/core';
import { listTrackedSymbols, setSymbolActive, trackSymbols, untrackSymbol } from '@candlefleet/db';
import { withSource } from '../connect-fleet.js';
import { NotFoundError } from '../errors.js';
import { renderTable, showTime } from '../terminal/table.js';
import { watchlistEntries, type SymbolRange } from '../watchlist-entries.js';
import { withWarehouse, type CommandContext } from './context.js';

const LOOK_UP_MS = 60_000;

/** Tracks a symbol that its provider knows, from its first candle on where all is wanted. */
export async function addSymbol(context: CommandContext, range: SymbolRange): Promise<void> {
  if (range.fromMs !== 'all' && range.toMs !== undefined && range.toMs <= range.fromMs) {
    throw new BadInputError('--to must be later than --from.');
  }
  await withWarehouse(context, async (db) => {
    const entries = await withSource({ ...context, db }, range.provider, (source) =>
      watchlistEntries(source, range),
    );
    await trackSymbols(db, entries, context.actor);
    const { symbol: tracked, provider, timeframes } = range;
    const series = entries.map(({ timeframes: [timeframe], historyFromMs, historyToMs }) => ({
      timeframe,
      from: new Date(historyFromMs).toISOString(),
      to: historyToMs === undefined ? null : new Date(historyToMs).toISOString(),
    }));
    context.output.value({ tracked, provider, timeframes, series });
    context.output.line(`${tracked} of ${provider} is tracked:`);
    for (const { timeframe, from, to } of series)
      context.output.line(
        `  ${timeframe} from ${showTime(Date.parse(from))}${to === null ? ' on' : ` to ${showTime(Date.parse(to))}`}`,
      );
    context.output.line('`npx candlefleet status` shows it arrive.');
  });
}

export async function findSymbols(context: CommandContext, provider: string, query: string): Promise<void> {
  await withWarehouse(context, async (db) => {
    const found = await withSource({ ...context, db }, provider, (source) =>
      source.findSymbols(query, AbortSignal.timeout(LOOK_UP_MS)),
    );
    context.output.value(found);
    if (found.length === 0) context.output.line(`${provider} has no symbol with "${query}" in its name.`);
    else
      context.output.line(
        renderTable(
          ['symbol', 'active'],
          found.map((one) => [one.symbol, one.active ? 'yes' : 'no']),
        ),
      );
  });
}

export async function removeSymbol(context: CommandContext, provider: string, symbol: string): Promise<void> {
  await withWarehouse(context, async (db) => {
    refuseUnknown(await untrackSymbol(db, provider, symbol, context.actor), provider, symbol);
    context.output.value({ removed: symbol, provider });
    context.output.line(`${symbol} of ${provider} is no longer tracked. Its candles stay.`);
  });
}

export async function setActive(
  context: CommandContext,
  key: { provider: string; symbol: string },
  active: boolean,
): Promise<void> {
  await withWarehouse(context, async (db) => {
    refuseUnknown(await setSymbolActive(db, { ...key, active }, context.actor), key.provider, key.symbol);
    context.output.value({ ...key, active });
    context.output.line(
      `${key.symbol} of ${key.provider} is ${active ? 'active again' : 'paused: nothing of it is fetched'}.`,
    );
  });
}

export async function listSymbols(context: CommandContext): Promise<void> {
  await withWarehouse(context, async (db) => {
    const symbols = (await listTrackedSymbols(db)).map((one) => ({
      ...one,
      timeframes: TIMEFRAMES.filter((timeframe) => one.timeframes.includes(timeframe)),
    }));
    context.output.value(symbols);
    if (symbols.length === 0) {
      context.output.line(
        'Nothing is tracked yet: `npx candlefleet symbols add BTC/USDT --provider binance --timeframes 1h` begins.',
      );
      return;
    }
    const rows = symbols.map((one) => [
      one.provider,
      one.symbol,
      one.timeframes.join(' '),
      one.calendar,
      one.active ? 'active' : 'paused',
    ]);
    context.output.line(renderTable(['provider', 'symbol', 'timeframes', 'calendar', 'state'], rows));
  });
}

function refuseUnknown(isKnown: boolean, provider: string, symbol: string): void {
  if (!isKnown)
    throw new NotFoundError(
      `${symbol} of ${provider} is not tracked. \`npx candlefleet symbols list\` shows what is.`,
    );
}
