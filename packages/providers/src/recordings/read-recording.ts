import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { alwaysOpen, BadInputError, isAligned, sameCandle, type Candle } from '@candlefleet/core';
import { parse } from 'csv-parse/sync';
import type { Recording } from './manifest.js';

interface Row {
  readonly fields: Record<string, unknown> | readonly unknown[];
  /** For people: where it stands in the file. */
  readonly where: string;
}

/**
 * Reads every candle of a recording, ascending, each open time once. The same candle twice is one;
 * two that contradict each other are an error.
 * @throws BadInputError that names the file and the row
 */
export async function readRecording(recording: Recording, folder: string): Promise<Candle[]> {
  const byOpen = new Map<number, Candle>();
  for (const name of recording.files) {
    const file = path.resolve(folder, name);
    const text = await readText(file);
    const rows =
      recording.format === 'csv' ? csvRows(text, recording, file) : jsonRows(text, recording, file);
    for (const row of rows) {
      const candle = toCandle(row, recording, file);
      const twin = byOpen.get(candle.openMs);
      if (twin && !sameCandle(twin, candle)) {
        throw new BadInputError(
          `${file}, ${row.where}: a second candle of ${new Date(candle.openMs).toISOString()} with other values. Remove one of them.`,
        );
      }
      byOpen.set(candle.openMs, candle);
    }
  }
  return [...byOpen.values()].sort((a, b) => a.openMs - b.openMs);
}

async function readText(file: string): Promise<string> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new BadInputError(`${file}: named in the manifest, but it could not be read.`, cause);
  });
  return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
}

function csvRows(text: string, recording: Recording, file: string): Row[] {
  const { header, delimiter, jsonColumn } = recording;
  let records: unknown[];
  try {
    records = parse(text, {
      delimiter,
      columns: header,
      skip_empty_lines: true,
      relax_column_count: false,
      bom: true,
    });
  } catch (cause) {
    throw new BadInputError(`${file}: ${cause instanceof Error ? cause.message : 'no CSV'}`, cause);
  }
  return records.map((record, index) => {
    const where = `line ${index + (header ? 2 : 1)}`;
    const fields = asFields(record, file, where);
    if (jsonColumn === undefined) return { fields, where };
    return {
      fields: asFields(parseJson(String(Reflect.get(fields, jsonColumn)), file, where), file, where),
      where,
    };
  });
}

function jsonRows(text: string, recording: Recording, file: string): Row[] {
  const json = parseJson(text, file, 'the whole file');
  const rows: unknown =
    recording.rows === undefined ? json : Reflect.get(asFields(json, file, 'the file'), recording.rows);
  if (!Array.isArray(rows))
    throw new BadInputError(
      `${file}: no array of candles${recording.rows ? ` under "${recording.rows}"` : ''}.`,
    );
  return rows.map((row: unknown, index) => {
    const where = `candle ${index + 1}`;
    return { fields: asFields(row, file, where), where };
  });
}

function parseJson(text: string, file: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new BadInputError(`${file}, ${where}: no JSON.`, cause);
  }
}

function asFields(value: unknown, file: string, where: string): Row['fields'] {
  if (Array.isArray(value)) return value;
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value));
  throw new BadInputError(`${file}, ${where}: neither an object nor an array.`);
}

function toCandle(row: Row, { columns, time, timeframe }: Recording, file: string): Candle {
  const cell = (name: string, key: string | number): unknown => {
    const value: unknown = Reflect.get(row.fields, key);
    if (value === undefined)
      throw new BadInputError(`${file}, ${row.where}: there is no column ${key} for ${name}.`);
    return value;
  };
  const number = (name: string, key: string | number): number => {
    const value = cell(name, key);
    const parsed = typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value);
    if (Number.isFinite(parsed)) return parsed;
    throw new BadInputError(`${file}, ${row.where}: ${name} is "${String(value)}"; a number was expected.`);
  };
  const toldMs = parseTime(cell('time', columns.time), time.unit, file, row.where);
  const openMs = time.marks === 'open' ? toldMs : alwaysOpen.openAtOrBefore(timeframe, toldMs - 1);
  if (!isAligned(alwaysOpen, timeframe, openMs)) {
    throw new BadInputError(
      `${file}, ${row.where}: ${new Date(openMs).toISOString()} is no open time of a ${timeframe} candle. Does time mark the close, or is its unit another?`,
    );
  }
  return {
    openMs,
    open: number('open', columns.open),
    high: number('high', columns.high),
    low: number('low', columns.low),
    close: number('close', columns.close),
    volume: columns.volume === undefined ? 0 : number('volume', columns.volume),
  };
}

const DATE =
  /^(\d{4})-?(\d{2})-?(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)? ?(Z|[+-]\d{2}:?\d{2})?$/;
const DAY_IN_NAME = /(\d{4})-?(\d{2})-?(\d{2})/;
const MINUTE_MS = 60_000;

function parseTime(value: unknown, unit: Recording['time']['unit'], file: string, where: string): number {
  if (unit === 'date') {
    const match = DATE.exec(String(value).trim());
    if (match) return dateMs(match);
    throw new BadInputError(
      `${file}, ${where}: time is "${String(value)}"; a date such as 2024-01-31 13:00 was expected.`,
    );
  }
  const parsed = Number(value);
  if (!Number.isFinite(parsed)) {
    throw new BadInputError(
      `${file}, ${where}: time is "${String(value)}"; a number in ${unit} was expected.`,
    );
  }
  if (unit !== 'ms_of_day') return unit === 's' ? parsed * 1_000 : parsed;
  const day = DAY_IN_NAME.exec(path.basename(file));
  if (!day)
    throw new BadInputError(`${file}: its times are of a day, but its name holds no date such as 20240131.`);
  return Date.UTC(Number(day[1]), Number(day[2]) - 1, Number(day[3])) + parsed;
}

function dateMs([, year, month, day, hour, minute, second, fraction, zone]: RegExpExecArray): number {
  const ms = fraction ? Math.floor(Number(`0.${fraction}`) * 1_000) : 0;
  const local = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour ?? 0),
    Number(minute ?? 0),
    Number(second ?? 0),
    ms,
  );
  if (!zone || zone === 'Z') return local;
  const sign = zone.startsWith('-') ? -1 : 1;
  const offsetMinutes = sign * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2)));
  return local - offsetMinutes * MINUTE_MS;
}
