import { BadInputError, type Candle, type Timeframe } from '@candlefleet/core';
import { findSeries, readCandles } from '@candlefleet/db';
import { NotFoundError } from '../errors.js';
import { withWarehouse, type CommandContext } from './context.js';

export interface ExportFlags {
  readonly symbol: string;
  readonly timeframe: Timeframe;
  readonly provider?: string | undefined;
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
  readonly format: string;
}

const FORMATS: Record<string, { head: string; row: (candle: Candle) => string }> = {
  csv: {
    head: 'time,open,high,low,close,volume\n',
    row: (c) => `${new Date(c.openMs).toISOString()},${c.open},${c.high},${c.low},${c.close},${c.volume}\n`,
  },
  jsonl: {
    head: '',
    row: ({ openMs, ...values }) =>
      `${JSON.stringify({ time: new Date(openMs).toISOString(), ...values })}\n`,
  },
};

/** Streams a series' candles to stdout. */
export async function exportCandles(context: CommandContext, flags: ExportFlags): Promise<void> {
  const format = FORMATS[flags.format];
  if (!format)
    throw new BadInputError(`--format ${flags.format}: there are ${Object.keys(FORMATS).join(' and ')}.`);
  if (flags.fromMs !== undefined && flags.toMs !== undefined && flags.toMs <= flags.fromMs)
    throw new BadInputError('--to must be later than --from.');
  await withWarehouse(context, async (db) => {
    const [series, other] = await findSeries(db, flags);
    if (!series) {
      throw new NotFoundError(
        `There are no candles of ${flags.symbol} ${flags.timeframe}. \`npx candlefleet status\` lists the series.`,
      );
    }
    if (other)
      throw new BadInputError(
        `${flags.symbol} ${flags.timeframe} comes from ${series.provider} and ${other.provider}: name one with --provider.`,
      );
    await context.output.piece(format.head);
    const range = {
      fromMs: flags.fromMs ?? Number.NEGATIVE_INFINITY,
      toMs: flags.toMs ?? Number.POSITIVE_INFINITY,
    };
    for await (const batch of readCandles(db, series.seriesId, range)) {
      await context.output.piece(batch.map(format.row).join(''));
    }
  });
}
