import { readFileSync } from 'node:fs';
import path from 'node:path';
import { TIMEFRAMES } from '@candlefleet/core';

interface Entry {
  readonly path: string;
  readonly kind: string;
  readonly venue: string;
  readonly symbol: string;
  readonly tf: string;
  readonly cols: string;
  readonly nanvol: number;
}

interface Format {
  readonly [key: string]: unknown;
}

const NAMED = { time: 'date', open: 'open', high: 'high', low: 'low', close: 'close', volume: 'volume' };
const NUMBERED = { time: 0, open: 1, high: 2, low: 3, close: 4, volume: 5 };

/** How each kind of file tells its candles, by what INDEX.json says of its columns. */
const FORMATS: readonly (readonly [RegExp, Format])[] = [
  [
    /Bitfinex order/,
    {
      header: false,
      columns: { time: 0, open: 1, close: 2, high: 3, low: 4, volume: 5 },
      time: { unit: 'ms' },
    },
  ],
  [/^date \(UTC ISO/, { columns: NAMED, time: { unit: 'date' } }],
  [/^timestamp/, { columns: { ...NAMED, time: 'timestamp' }, time: { unit: 'date' } }],
  [
    /^Datetime/,
    {
      columns: { time: 'Datetime', open: 'Open', high: 'High', low: 'Low', close: 'Close', volume: 'Volume' },
      time: { unit: 'date' },
    },
  ],
  [
    /^Date \(UTC, NEWEST/,
    {
      columns: { time: 'Date', open: 'Open', high: 'High', low: 'Low', close: 'Close', volume: 'VolumeFrom' },
      time: { unit: 'date' },
    },
  ],
  [/^\[\[ts_ms/, { format: 'json', columns: NUMBERED, time: { unit: 'ms' } }],
  [/12 Binance kline fields/, { header: false, columns: NUMBERED, time: { unit: 'ms' } }],
  [
    /^\{"candles"/,
    { format: 'json', rows: 'candles', columns: { ...NAMED, time: 'start' }, time: { unit: 's' } },
  ],
  [
    /^\{"name","ohlc"/,
    {
      format: 'json',
      rows: 'ohlc',
      columns: {
        time: 'endTime',
        open: 'openPrice',
        high: 'highPrice',
        low: 'lowPrice',
        close: 'closePrice',
        volume: 'volume',
      },
      time: { unit: 'ms', marks: 'close' },
    },
  ],
  [/^row_timestamp/, { jsonColumn: 'candle', columns: NUMBERED, time: { unit: 's' } }],
  [/YYYYMMDD HH:MM/, { header: false, columns: NUMBERED, time: { unit: 'date' } }],
  [/ms since UTC midnight/, { header: false, columns: NUMBERED, time: { unit: 'ms_of_day' } }],
];

const DAY_FILE = /\/\d{8}_trade\.csv\.gz$/;

/** A manifest over every crypto file of candles, 1m to 1d, read where it is; each file, or folder of days, a series. */
export function sharedRecordings(shared: string, pick: (path: string) => boolean = () => true) {
  const index: Entry[] = JSON.parse(readFileSync(path.join(shared, 'data', 'INDEX.json'), 'utf8'));
  const groups = new Map<string, { entry: Entry; files: string[] }>();
  for (const entry of index) {
    const isDue =
      entry.kind === 'ohlcv' &&
      entry.path.startsWith('crypto/') &&
      TIMEFRAMES.some((one) => one === entry.tf && one !== '1w');
    if (!isDue || !pick(entry.path)) continue;
    const key = DAY_FILE.test(entry.path) ? path.dirname(entry.path) : entry.path;
    const group = groups.get(key) ?? { entry, files: [] };
    group.files.push(path.join(shared, 'data', entry.path));
    groups.set(key, group);
  }
  const taken = new Set<string>();
  return {
    recordings: [...groups.values()].map(({ entry, files }) => {
      const format = FORMATS.find(([cols]) => cols.test(entry.cols))?.[1];
      if (!format) throw new Error(`${entry.path}: no format for columns "${entry.cols}"`);
      return { symbol: symbolOf(entry, taken), timeframe: entry.tf, files, ...withoutVolume(format, entry) };
    }),
  };
}

/** A source that tells no volume has an empty column. */
function withoutVolume(format: Format, { nanvol }: Entry): Format {
  return nanvol > 0 ? { ...format, columns: { ...Object(format['columns']), volume: undefined } } : format;
}

/** Names are made unique: several files tell of one symbol. */
function symbolOf({ symbol, venue, tf }: Entry, taken: Set<string>): string {
  const letters = symbol.toUpperCase().replace(/[^A-Z0-9]/g, '');
  const quote = /(USDT|USD|BTC|EUR|BUSD|PERP)$/.exec(letters.replace(/USDTUSDT.*$/, 'USDT'))?.[1] ?? 'USD';
  const base = `${letters.replace(new RegExp(`${quote}$`), '') || letters}.${venue.toUpperCase().replace(/[^A-Z].*$/, '')}`;
  for (let n = 1; ; n += 1) {
    const name = n === 1 ? `${base}/${quote}` : `${base}${n}/${quote}`;
    if (taken.has(`${name} ${tf}`)) continue;
    taken.add(`${name} ${tf}`);
    return name;
  }
}
