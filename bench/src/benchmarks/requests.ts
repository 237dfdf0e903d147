import { setTimeout as sleep } from 'node:timers/promises';
import { faultPlanSchema, providerTraits, type FaultKind, type FaultPlan } from '@candlefleet/providers';
import { waitUntil } from '@candlefleet/testing';
import type { Measured, Report } from '../measure/report.js';
import { spreadOf } from '../measure/spread.js';
import { openFleet, type Fleet } from '../setting/fleet.js';
import {
  candlesOfSeries,
  countRequests,
  holeyMarket,
  isComplete,
  trackWatchlist,
  type Counts,
} from '../setting/holey-watchlist.js';
import type { Setting } from '../setting/setting.js';
import { PROVIDER } from '../setting/warehouse.js';

const PAGE = providerTraits(PROVIDER).pageLimit;
const MINUTE_MS = 60_000;
const STEADY_MS = 120_000;
/** A one-minute candle's tail has come by then: settle delay, spread of 20 s, and some. */
const FRESH_MS = 30_000;
const AT_MOST = { atMost: 1.05 };
/** One request in twenty brings nothing that can be used. */
const SPOILING: readonly FaultKind[] = [
  'server_error',
  'reset_in_body',
  'html_page',
  'truncated_json',
  'malformed_json',
];
const FAULTS = faultPlanSchema.parse({
  faults: SPOILING.map((kind) => ({ kind, rate: 0.05 / SPOILING.length })),
});

/** Requests that a fleet sends, against the fewest that could bring the same candles. It counts, it does not time. */
export async function benchRequests(setting: Setting): Promise<Report[]> {
  return [await undisturbed(setting), await withFaults(setting)];
}

async function undisturbed(setting: Setting): Promise<Report> {
  const counts: Counts = { requests: 0, confirmations: 0, holeyPages: 0 };
  const fleet = await openCounted(setting, counts);
  const { db } = fleet;
  try {
    setting.tell('first backfill of the default watchlist, and of a series with holes');
    const first = await firstBackfill(fleet, counts);
    await waitUntil('the tails', () => isComplete(db, FRESH_MS), 300_000);
    const began = { asked: askedOf(fleet, counts), candles: sum(await candlesOfSeries(db)) };
    setting.tell(`up to date, for ${STEADY_MS / 1_000} s`);
    await sleep(STEADY_MS);
    await waitUntil('the tails', () => isComplete(db, FRESH_MS), 300_000);
    const steady = {
      asked: askedOf(fleet, counts) - began.asked,
      candles: sum(await candlesOfSeries(db)) - began.candles,
    };
    const unanswered = askedOf(fleet, counts) - counts.requests;
    return {
      benchmark: 'requests',
      title: 'provider requests against the fewest possible',
      unit: 'requests',
      lines: [
        line('first backfill, up to now', first.asked, first.fewest),
        line('up to date, for each new candle', steady.asked, steady.candles),
        {
          ...line('confirmations, for each page with holes', first.confirmations, first.holeyPages),
          budget: { atMost: 1 },
        },
      ],
      notes: [
        `${first.candles.toLocaleString('en-US')} candles in ${first.series} series; then ${steady.candles} new ones`,
        `${unanswered} of all requests brought no page in time, and were sent again`,
        `besides: ${fleet.otherRequests()} requests for the market list and the server's identity`,
      ],
    };
  } finally {
    await fleet.close();
  }
}

async function withFaults(setting: Setting): Promise<Report> {
  const counts: Counts = { requests: 0, confirmations: 0, holeyPages: 0 };
  const fleet = await openCounted(setting, counts, FAULTS);
  try {
    setting.tell('the same first backfill, with faults');
    const first = await firstBackfill(fleet, counts);
    const struck = await fleet.struck();
    return {
      benchmark: 'requests',
      title: 'the same first backfill, 5 % of the requests spoiled',
      unit: 'requests',
      lines: [
        { ...line('all but confirmations', first.asked, first.fewest), budget: undefined },
        line('less those that were spoiled', first.asked - struck, first.fewest),
        {
          ...line('confirmations, for each page with holes', first.confirmations, first.holeyPages),
          budget: { atMost: 1 },
        },
      ],
      notes: [`${struck} requests were spoiled: ${SPOILING.join(', ')}`],
    };
  } finally {
    await fleet.close();
  }
}

function openCounted({ redisUrl }: Setting, counts: Counts, faults?: FaultPlan): Promise<Fleet> {
  const wrapSource = (source: Parameters<typeof countRequests>[0]) => countRequests(source, counts);
  return openFleet({ redisUrl, market: holeyMarket(), wrapSource, faults });
}

/** Requests for candles as the server counted them, without those that confirm a hole. */
function askedOf(fleet: Fleet, counts: Counts): number {
  return fleet.pages() - counts.confirmations;
}

/** Until everything is there; what was asked for it, and what it came to. */
async function firstBackfill(fleet: Fleet, counts: Counts) {
  const { db } = fleet;
  await trackWatchlist(db);
  await waitUntil('the first backfill', () => isComplete(db, 2 * MINUTE_MS), 900_000);
  const candles = await candlesOfSeries(db);
  const fewest = sum(candles.map((count) => Math.ceil(count / PAGE)));
  return { ...counts, asked: askedOf(fleet, counts), candles: sum(candles), series: candles.length, fewest };
}

function line(name: string, used: number, fewest: number): Measured {
  const ratio = used / fewest;
  return { name, amount: spreadOf([used]), ratio: spreadOf([ratio]), rounds: [ratio], budget: AT_MOST };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
