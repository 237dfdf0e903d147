import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { BadInputError, timeframeSchema } from '@candlefleet/core';
import { z } from 'zod';

const column = z
  .union([z.string(), z.int().nonnegative()])
  .describe("a column's name in the header, or its index from 0");

const recordingSchema = z
  .strictObject({
    symbol: z.string().regex(/^[A-Z0-9._-]+\/[A-Z0-9._-]+$/, 'write it as BASE/QUOTE, such as BTC/USDT'),
    timeframe: timeframeSchema,
    /** Paths from the manifest's folder, or absolute ones; `.gz` is unpacked. */
    files: z.array(z.string()).min(1),
    format: z.enum(['csv', 'json']).default('csv'),
    /** CSV: the first line names the columns. */
    header: z.boolean().default(true),
    delimiter: z.string().length(1).default(','),
    /** CSV: this column holds a JSON array, and `columns` are indexes into it. */
    jsonColumn: column.optional(),
    /** JSON: the key of the array of candles; absent: the file is the array. */
    rows: z.string().optional(),
    columns: z.strictObject({
      time: column,
      open: column,
      high: column,
      low: column,
      close: column,
      /** Absent where the source tells none: the volume is 0. */
      volume: column.optional(),
    }),
    time: z
      .strictObject({
        /** `date`: ISO 8601 or "YYYYMMDD HH:MM", UTC where no offset stands. `ms_of_day`: since 00:00 UTC of the day in the file's name. */
        unit: z.enum(['ms', 's', 'date', 'ms_of_day']).default('ms'),
        /** Which end of the candle the time marks. */
        marks: z.enum(['open', 'close']).default('open'),
      })
      .prefault({}),
  })
  .describe('one series');

const manifestSchema = z.strictObject({ recordings: z.array(recordingSchema).min(1) });

export type RecordingManifest = z.input<typeof manifestSchema>;
export type Recording = z.infer<typeof recordingSchema>;

export const MANIFEST_NAME = 'recordings.json';

/** Reads a folder's manifest. @throws BadInputError that names the file and every mistake in it */
export async function readManifest(folder: string): Promise<Recording[]> {
  const file = path.join(folder, MANIFEST_NAME);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new BadInputError(
      `${file} could not be read. A folder of recordings needs this manifest; docs/recordings.md shows one.`,
      cause,
    );
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new BadInputError(
      `${file} is no JSON: ${cause instanceof Error ? cause.message : 'unreadable'}`,
      cause,
    );
  }
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) throw new BadInputError(`${file}: ${z.prettifyError(parsed.error)}`);
  const keys = new Set<string>();
  for (const { symbol, timeframe } of parsed.data.recordings) {
    const key = `${symbol} ${timeframe}`;
    if (keys.has(key))
      throw new BadInputError(`${file}: ${key} stands twice. List both files under one recording.`);
    keys.add(key);
  }
  return parsed.data.recordings;
}
