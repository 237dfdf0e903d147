import { z } from 'zod';

const cell = z.union([z.string(), z.number(), z.boolean(), z.null()]);
// A row is one check: cell by cell, a page took eight times as long.
const rows = z.array(z.custom<readonly unknown[]>(isRow, 'not a time and plain values'));

/** A candle answer as the exchange documents it: ccxt reads other shapes as an empty answer, and says nothing. */
const SHAPES: Record<string, z.ZodType> = {
  binance: rows,
  binanceus: rows,
  replay: rows,
  bitfinex: rows,
  kraken: z.object({
    error: z.array(z.string()),
    result: z.record(z.string(), z.union([rows, cell])).optional(),
  }),
  coinbase: z.object({ candles: z.array(z.record(z.string(), cell).refine(({ start }) => isTime(start))) }),
  bybit: z.object({ retCode: z.number(), result: z.object({ list: rows.optional() }) }),
  okx: z.object({ code: z.string(), data: rows }),
};

/** What is wrong with a candle answer of this provider; nothing where its shape is not known here. */
export function shapeFault(provider: string, answer: unknown): string | undefined {
  const parsed = SHAPES[provider]?.safeParse(answer);
  if (!parsed || parsed.success) return undefined;
  const issue = parsed.error.issues[0];
  return `${issue?.path.join('.') || 'the whole'}: ${issue?.message ?? 'unreadable'}`;
}

/** ccxt drops a row without a time, and says nothing: where it stood, no candle would seem to be. */
function isRow(row: unknown): boolean {
  return (
    Array.isArray(row) &&
    isTime(row[0]) &&
    row.every((value) => value === null || (value !== undefined && typeof value !== 'object'))
  );
}

function isTime(value: unknown): boolean {
  return Number.isSafeInteger(value) || (typeof value === 'string' && /^\d{1,15}$/.test(value));
}
