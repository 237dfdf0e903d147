import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { sharedFolder, sharedRecordings, WITHOUT_SHARED } from '@candlefleet/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openRecordings } from './open-recordings.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'recordings-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const COLUMNS = { time: 'time', open: 'open', high: 'high', low: 'low', close: 'close', volume: 'volume' };
const write = (name: string, content: string | Buffer) => writeFileSync(path.join(folder, name), content);
const manifest = (recording: object) =>
  write(
    'recordings.json',
    JSON.stringify({
      recordings: [{ symbol: 'A/B', timeframe: '1h', files: ['a.csv'], columns: COLUMNS, ...recording }],
    }),
  );
const readAll = async () => {
  const market = await openRecordings(folder);
  return market.candles({
    symbol: 'A/B',
    timeframe: '1h',
    fromMs: 0,
    toMs: Number.POSITIVE_INFINITY,
    limit: 1e6,
    nowMs: 0,
  });
};
const HEAD = 'time,open,high,low,close,volume\n';
const candle = (hour: number) => ({
  openMs: Date.UTC(2024, 0, 31, hour),
  open: 1,
  high: 2,
  low: 0.5,
  close: 1.5,
  volume: 10,
});

describe('recordings', () => {
  test.each([
    ['milliseconds', { time: { unit: 'ms' } }, String(Date.UTC(2024, 0, 31, 13))],
    ['seconds', { time: { unit: 's' } }, String(Date.UTC(2024, 0, 31, 13) / 1_000)],
    ['a date with an offset', { time: { unit: 'date' } }, '2024-01-31T14:00:00+0100'],
    ['a date without one, which is UTC', { time: { unit: 'date' } }, '2024-01-31 13:00'],
    ['a compact date', { time: { unit: 'date' } }, '20240131 13:00'],
    ['the end of the candle', { time: { unit: 'date', marks: 'close' } }, '2024-01-31 13:59:59.999'],
  ])('read a time written as %s', async (_what, recording, time) => {
    manifest(recording);
    write('a.csv', `${HEAD}${time},1,2,0.5,1.5,10\n`);
    expect(await readAll()).toEqual([candle(13)]);
  });

  test('read columns by index, another delimiter, gzip, and milliseconds of the day in the name', async () => {
    const columns = { time: 0, open: 4, high: 3, low: 2, close: 1 };
    manifest({
      files: ['20240131.csv.gz'],
      header: false,
      delimiter: ';',
      columns,
      time: { unit: 'ms_of_day' },
    });
    write('20240131.csv.gz', gzipSync(`${13 * 3_600_000};1.5;0.5;2;1\n`));
    expect(await readAll()).toEqual([{ ...candle(13), volume: 0 }]);
  });

  test('read JSON, and JSON within a column', async () => {
    manifest({ files: ['a.json'], format: 'json', rows: 'candles', columns: { ...COLUMNS, time: 't' } });
    write(
      'a.json',
      JSON.stringify({
        candles: [{ t: Date.UTC(2024, 0, 31, 13), open: '1', high: 2, low: 0.5, close: 1.5, volume: '10' }],
      }),
    );
    expect(await readAll()).toEqual([candle(13)]);
    manifest({
      jsonColumn: 'candle',
      columns: { time: 0, open: 1, high: 2, low: 3, close: 4, volume: 5 },
      time: { unit: 's' },
    });
    write('a.csv', `id,candle\n7,"[${Date.UTC(2024, 0, 31, 13) / 1_000}, 1, 2, 0.5, 1.5, 10]"\n`);
    expect(await readAll()).toEqual([candle(13)]);
  });

  test('come in order of time, each once, whatever order and however often they were written', async () => {
    manifest({ time: { unit: 'date' } });
    const line = (hour: number) => `2024-01-31 ${hour}:00,1,2,0.5,1.5,10\n`;
    write('a.csv', HEAD + line(14) + line(13) + line(14));
    expect(await readAll()).toEqual([candle(13), candle(14)]);
  });

  test.each([
    ['no manifest', () => {}, /recordings\.json could not be read/],
    ['a manifest that is no JSON', () => write('recordings.json', '{'), /is no JSON/],
    [
      'a mistake in the manifest',
      () => manifest({ timeframe: '7m', symbol: 'AB' }),
      /timeframe[\s\S]*|symbol/,
    ],
    ['a file that is not there', () => manifest({}), /a\.csv: named in the manifest/],
    [
      'a column that is not there',
      () => (manifest({}), write('a.csv', 'when,open\n1,2\n')),
      /line 2: there is no column time/,
    ],
    [
      'a price that is no number',
      () => (manifest({}), write('a.csv', `${HEAD}0,x,2,1,1,1\n`)),
      /line 2: open is "x"; a number was expected/,
    ],
    [
      'a time off the grid',
      () => (manifest({}), write('a.csv', `${HEAD}1000,1,2,1,1,1\n`)),
      /line 2: 1970-01-01T00:00:01.000Z is no open time of a 1h candle/,
    ],
    [
      'two candles that contradict each other',
      () => (manifest({}), write('a.csv', `${HEAD}0,1,2,1,1,1\n0,1,2,1,2,1\n`)),
      /line 3: a second candle of 1970-01-01T00:00:00.000Z/,
    ],
  ])('%s is told with its file and row', async (_what, arrange, message) => {
    arrange();
    await expect(openRecordings(folder)).rejects.toMatchObject({
      code: 'bad_input',
      message: expect.stringMatching(message),
    });
  });

  const shared = sharedFolder();
  test.skipIf(!shared)(
    `every crypto file of real candles, 1m to 1d, is read in place ${shared ? '' : WITHOUT_SHARED}`,
    async () => {
      write('recordings.json', JSON.stringify(sharedRecordings(shared ?? '')));
      const market = await openRecordings(folder);
      expect(market.series).toHaveLength(38);
      const total = market.series.reduce((sum, one) => {
        const all = market.candles({ ...one, toMs: Number.POSITIVE_INFINITY, limit: 1e7, nowMs: 0 });
        return sum + all.length;
      }, 0);
      expect(total).toBe(960_596);
    },
  );
});
