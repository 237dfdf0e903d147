import { calendarOf, type Range } from '@candlefleet/core';
import { numbers, parseRanges } from '../literals.js';
import type { DeepFinding } from './finding.js';
import { nameOf, type Scope, type ScopedSeries } from './scope.js';

const SHAPE = {
  check: 'coverage.shape',
  remedy:
    'Coverage is written by store_chunk alone: look for SQL by hand. Empty what is wrong (`update series_coverage set covered = covered * …`), and the planner fetches it again.',
};
const TOTALS = {
  check: 'coverage.totals',
  remedy:
    'Candles were added or deleted by SQL, or a restore was partial. Set `last_candle` and `candle_count` from market_data; where candles are lost, take their time out of `covered`, so that they are fetched again.',
};
const DOUBT = {
  check: 'coverage.unconfirmed',
  remedy:
    'What is in doubt has no time at which it is asked again, or is proven as well. Set `unconfirmed` to the sum of the rows in unconfirmed_ranges that are neither covered nor unavailable.',
};

interface Row {
  seriesId: number;
  hasRow: boolean;
  isFuture: boolean;
  isOpen: boolean;
  isInDoubtTwice: boolean;
  isDoubtUndated: boolean;
  covered: unknown;
  stored: number;
  counted: number;
  last: string | null;
  told: string | null;
}

/** Candles that are counted in one statement, and series, whichever comes first. */
const CANDLES = 2_000_000;
const SERIES = 500;

/**
 * What the coverage of each series says about itself: ranges that are possible, totals that are those of the candles,
 * doubts that have a date. Gaps, candles that are expected in the coverage and were proven absent, are counted.
 */
export async function coverageExact(scope: Scope): Promise<DeepFinding[]> {
  const shape = scope.faults();
  const totals = scope.faults();
  const doubt = scope.faults();
  let gaps = 0;
  for (const group of groupsOf(scope.series)) {
    const byId = new Map(group.map((one) => [one.seriesId, one]));
    for (const row of await readCoverage(scope, group)) {
      const series = byId.get(row.seriesId);
      if (!series) continue;
      const name = nameOf(series);
      const faults = [
        ...(row.hasRow ? [] : ['there is no coverage row']),
        ...(row.isFuture ? ['covers what has not been yet'] : []),
        ...(row.isOpen ? ['has a range without ends, or with its end included'] : []),
      ];
      for (const fault of faults) shape.add({ ...name, fault });
      if (row.stored !== row.counted || row.last !== row.told) {
        const { stored, counted, last, told } = row;
        totals.add({ ...name, stored, candleCount: counted, newest: last, lastCandle: told });
      }
      if (row.isInDoubtTwice) doubt.add({ ...name, fault: 'in doubt, and covered or unavailable as well' });
      if (row.isDoubtUndated) doubt.add({ ...name, fault: 'is not the sum of unconfirmed_ranges' });
      gaps += Math.max(0, row.isOpen ? 0 : expectedIn(series, parseRanges(row.covered)) - row.stored);
    }
  }
  return [
    shape.finding(SHAPE, {
      sound: 'every range has two ends in the past',
      broken: 'series cover what they cannot',
    }),
    totals.finding(TOTALS, {
      sound: `totals and newest candle are those of the candles; ${gaps} proven gaps`,
      broken: 'series have other totals than their candles',
    }),
    doubt.finding(DOUBT, {
      sound: 'what is in doubt is asked again, and is nothing else',
      broken: 'series whose doubts are wrong',
    }),
  ];
}

function expectedIn({ calendar, timeframe }: ScopedSeries, covered: readonly Range[]): number {
  if (calendar === null || timeframe === null) return 0;
  const known = calendarOf(calendar);
  return covered.reduce((sum, range) => sum + known.countExpected(timeframe, range), 0);
}

function* groupsOf(series: readonly ScopedSeries[]): Generator<ScopedSeries[]> {
  let group: ScopedSeries[] = [];
  let candles = 0;
  for (const one of series) {
    if (group.length > 0 && (group.length >= SERIES || candles + one.candles > CANDLES)) {
      yield group;
      group = [];
      candles = 0;
    }
    group.push(one);
    candles += one.candles;
  }
  if (group.length > 0) yield group;
}

function readCoverage({ db }: Scope, group: readonly ScopedSeries[]): Promise<readonly Row[]> {
  const ids = numbers(group.map((one) => one.seriesId));
  return db.run(
    'read coverage to check',
    (sql) => sql<Row[]>`
      select g.series_id as "seriesId", c.series_id is not null as "hasRow",
        coalesce(upper(c.covered) > clock_timestamp(), false) as "isFuture", o.is_open as "isOpen",
        coalesce(c.unconfirmed && (c.covered + c.unavailable), false) as "isInDoubtTwice",
        coalesce(c.unconfirmed, '{}') <> d.dated as "isDoubtUndated",
        case when o.is_open then '[]'::jsonb else ranges_to_ms(coalesce(c.covered, '{}')) end as covered,
        s.stored, coalesce(c.candle_count, 0) as counted, s.last::text as last, c.last_candle::text as told
      from unnest(${ids}::int[]) as g(series_id)
      left join series_coverage c on c.series_id = g.series_id
      cross join lateral (select coalesce(range_agg(u.range), '{}') as dated from unconfirmed_ranges u
        where u.series_id = g.series_id) d
      cross join lateral (select count(*)::float8 as stored, max(m.time) as last from market_data m
        where m.series_id = g.series_id) s
      cross join lateral (select coalesce(bool_or(lower_inf(r) or upper_inf(r) or not isfinite(lower(r))
        or not isfinite(upper(r)) or not lower_inc(r) or upper_inc(r)), false) as is_open
        from unnest(c.covered + c.unavailable + c.unconfirmed) r) o
      order by 1`,
  );
}
