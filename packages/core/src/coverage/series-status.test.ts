import { describe, expect, test } from 'vitest';
import { alwaysOpen } from '../calendar/always-open.js';
import { seriesStatus, type SeriesRecord } from './series-status.js';

const M = 60_000;
const at = (from: number, to: number) => ({ fromMs: from * M, toMs: to * M });
const complete: SeriesRecord = {
  calendar: alwaysOpen,
  timeframe: '1m',
  active: true,
  wanted: at(0, 100),
  dueMs: 98 * M,
  covered: [at(0, 100)],
  unconfirmed: [],
  settled: [at(0, 100)],
  storedCandles: 100,
  unfinished: 0,
  failed: 0,
  cancelled: 0,
};
const status = (more: Partial<SeriesRecord> = {}) => seriesStatus({ ...complete, ...more });
const covering = (...ranges: { fromMs: number; toMs: number }[]) => ({ covered: ranges, settled: ranges });

describe('the state of a series', () => {
  test('complete, when it misses nothing', () => {
    expect(status()).toEqual({
      wantedCandles: 100,
      storedCandles: 100,
      missingCandles: 0,
      gapCandles: 0,
      state: 'complete',
    });
  });

  test('complete, when nothing is wanted of it yet', () => {
    expect(status({ wanted: undefined, storedCandles: 0, ...covering() })).toMatchObject({
      wantedCandles: 0,
      missingCandles: 0,
      state: 'complete',
    });
  });

  test('a gap is expected inside coverage and not there', () => {
    expect(status({ storedCandles: 97 })).toMatchObject({
      gapCandles: 3,
      missingCandles: 0,
      state: 'complete',
    });
  });

  test('waiting, while the tail of a fresh candle is not late', () => {
    expect(status({ storedCandles: 99, ...covering(at(0, 99)) })).toMatchObject({
      missingCandles: 1,
      state: 'waiting',
    });
    expect(status({ storedCandles: 97, ...covering(at(0, 97)) })).toMatchObject({
      missingCandles: 3,
      state: 'backfilling',
    });
  });

  test('what the provider did not confirm is missing, and waited for', () => {
    const doubt = { covered: [at(0, 50), at(60, 100)], unconfirmed: [at(50, 60)], storedCandles: 90 };
    expect(status({ ...doubt, settled: [at(0, 100)] })).toMatchObject({
      missingCandles: 10,
      state: 'waiting',
    });
    expect(status({ ...doubt, settled: doubt.covered })).toMatchObject({
      missingCandles: 10,
      state: 'backfilling',
    });
  });

  test('what lies beyond the reach of the provider is not missing', () => {
    expect(status({ covered: [at(40, 100)], storedCandles: 60 })).toMatchObject({
      missingCandles: 0,
      gapCandles: 0,
      state: 'complete',
    });
  });

  test('failing, when something is missing, executions failed, and none is under way', () => {
    const missing = { storedCandles: 50, ...covering(at(50, 100)), failed: 1 };
    expect(status(missing).state).toBe('failing');
    expect(status({ ...missing, unfinished: 1 }).state).toBe('backfilling');
  });

  test('cancelled, when a person cancelled what is missing, and nothing else of it is under way', () => {
    const missing = { storedCandles: 50, ...covering(at(50, 100)), cancelled: 1 };
    expect(status(missing).state).toBe('cancelled');
    expect(status({ ...missing, unfinished: 1 }).state).toBe('backfilling');
    expect(status({ ...missing, failed: 1 }).state).toBe('failing');
  });

  test('paused, whatever is missing', () => {
    expect(status({ active: false, storedCandles: 0, ...covering() }).state).toBe('paused');
  });
});
