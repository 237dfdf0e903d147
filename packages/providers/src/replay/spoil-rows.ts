import type { Struck } from './fault-die.js';

type Row = readonly unknown[];

/** The rows of a page of candles as a server sends them that is not well, by the faults that strike the request. */
export function spoilRows(sound: readonly Row[], faults: Struck, requestNumber: number): Row[] {
  let rows = [...sound];
  const shifted = faults.of('shifted_times');
  if (shifted) rows = rows.map(([time, ...rest]) => [Number(time) + shifted.offsetMs, ...rest]);
  const bad = faults.of('bad_values');
  if (bad)
    rows = changeSome(rows, bad.rows, (row, nth) => withCell(row, 1 + (nth % 5), BAD[nth % BAD.length]));
  const half = faults.of('half_rows');
  // Sometimes the end of a row is missing, sometimes all of it: even the time that it stands for.
  if (half) rows = changeSome(rows, half.rows, (row) => row.slice(0, requestNumber % 2 === 0 ? 0 : 3));
  const repeated = faults.of('repeated_rows');
  if (repeated) rows = [...rows, ...some(rows, repeated.rows)];
  const contradicting = faults.of('contradicting_rows');
  if (contradicting)
    rows = [...rows, ...some(rows, contradicting.rows).map((row) => withCell(row, 5, otherVolume(row[5])))];
  if (faults.of('unsorted_rows')) rows = rows.toSorted((a, b) => scatter(a[0]) - scatter(b[0]));
  return rows;
}

const BAD = [null, 'NaN', 'n/a', '', 'Infinity', true];

/** So many of the rows, spread over the page. */
function placesOf(rows: readonly Row[], count: number): number[] {
  const most = Math.min(count, rows.length);
  return Array.from({ length: most }, (_, nth) => Math.floor(((nth + 0.5) * rows.length) / most));
}

function some(rows: readonly Row[], count: number): Row[] {
  const places = new Set(placesOf(rows, count));
  return rows.filter((_, place) => places.has(place));
}

function changeSome(rows: readonly Row[], count: number, change: (row: Row, nth: number) => Row): Row[] {
  const places = placesOf(rows, count);
  return rows.map((row, place) => {
    const nth = places.indexOf(place);
    return nth < 0 ? row : change(row, nth);
  });
}

function withCell(row: Row, place: number, value: unknown): Row {
  return row.map((cell, at) => (at === place ? value : cell));
}

function otherVolume(volume: unknown): string {
  return String(Number(volume) + 1);
}

/** A jumble that is the same each time. */
function scatter(time: unknown): number {
  return (Number(time) / 60_000) % 17;
}
