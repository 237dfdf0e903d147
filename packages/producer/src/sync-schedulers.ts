import { calendarOf, tailDemand, tailSchedule, timeframeMs, type ProviderTraits } from '@candlefleet/core';
import { listTrackedSeries, type Database, type TrackedSeries } from '@candlefleet/db';
import {
  backfillJobOptions,
  backfillQueueName,
  MAINTENANCE_QUEUE,
  maintenanceSchedulers,
  tailSchedulerId,
  type QueueConnection,
  type Scheduler,
  type SchedulerSpec,
} from '@candlefleet/queue';
import type { Logger } from 'pino';
import { byProvider } from './by-provider.js';

export interface SyncDeps {
  readonly db: Database;
  readonly queues: QueueConnection;
  readonly traitsOf: (provider: string) => ProviderTraits;
  readonly providers: () => Promise<string[]>;
  readonly now: () => Promise<number>;
  readonly log: Logger;
}

/** Writes to the queue under way at once. */
const IN_FLIGHT = 500;
/**
 * A scheduler adds its next job when the last one starts: one without a job of its next slot never fires again
 * (HAZARDS 1). One that was read while it fired looks like that for a moment, around its slot.
 */
const FIRING_MS = 60_000;

/** Makes the queue's schedulers what the watchlist says, by difference (DESIGN §5.10). */
export async function syncSchedulers(deps: SyncDeps): Promise<void> {
  const { db, queues } = deps;
  const [nowMs, providers] = await Promise.all([deps.now(), deps.providers()]);
  const [tracked, upkeep, ...tails] = await Promise.all([
    listTrackedSeries(db),
    queues.readSchedulers(MAINTENANCE_QUEUE),
    ...providers.map((provider) => queues.readSchedulers(backfillQueueName(provider))),
  ]);
  const fresh = byProvider(tracked.filter((series) => isFresh(series, nowMs)));
  for (const [n, provider] of providers.entries()) {
    const desired = desiredSchedulers(deps, provider, fresh.get(provider) ?? []);
    await syncQueue(deps, backfillQueueName(provider), { desired, actual: tails[n] ?? new Map(), nowMs });
  }
  await syncQueue(deps, MAINTENANCE_QUEUE, { desired: maintenanceSchedulers(), actual: upkeep, nowMs });
}

/** Whether the queue's store lost everything: the schedulers of upkeep are few, and go with all the others. */
export async function hasForgotten(queues: QueueConnection): Promise<boolean> {
  const actual = await queues.readSchedulers(MAINTENANCE_QUEUE);
  return maintenanceSchedulers().some(({ id }) => !actual.has(id));
}

/** Whether new candles of the series are still wanted. */
function isFresh(series: TrackedSeries, nowMs: number): boolean {
  return series.active && (series.wantedToMs === null || series.wantedToMs > nowMs);
}

function desiredSchedulers(
  deps: SyncDeps,
  provider: string,
  series: readonly TrackedSeries[],
): SchedulerSpec[] {
  const traits = deps.traitsOf(provider);
  const cadences = series.map((one) => one.everyMs ?? timeframeMs(one.timeframe));
  const demand = tailDemand(cadences, traits.pageWeight, traits.budget);
  const told = {
    provider,
    series: series.length,
    weight: Math.round(demand.weight),
    allowed: demand.allowed,
  };
  if (demand.stretch > 1) {
    deps.log.warn(
      { ...told, stretch: demand.stretch },
      "the watchlist needs more than the provider's budget: every cadence is stretched",
    );
  } else deps.log.debug(told, 'demand against budget');
  return series.map((one) => toSpec(one, traits, demand.stretch));
}

function toSpec(series: TrackedSeries, traits: ProviderTraits, stretch: number): SchedulerSpec {
  const { seriesId, provider, symbol, timeframe } = series;
  const { everyMs, offsetMs } = tailSchedule({
    seriesId,
    calendar: calendarOf(series.calendar),
    timeframe,
    settleDelayMs: traits.settleDelayMs,
    everyMs: series.everyMs ?? undefined,
    stretch,
  });
  const data = {
    v: 1,
    seriesId,
    provider,
    symbol,
    timeframe,
    calendar: series.calendar,
    kind: 'tail',
  } as const;
  return {
    id: tailSchedulerId(seriesId),
    name: 'tail',
    everyMs,
    offsetMs,
    data,
    options: backfillJobOptions('tail'),
  };
}

interface SyncedQueue {
  readonly desired: readonly SchedulerSpec[];
  readonly actual: ReadonlyMap<string, Scheduler>;
  readonly nowMs: number;
}

async function syncQueue(
  deps: SyncDeps,
  queue: string,
  { desired, actual, nowMs }: SyncedQueue,
): Promise<void> {
  const { queues, log } = deps;
  const wanted = new Map(desired.map((spec) => [spec.id, spec]));
  const surplus = [...actual.keys()].filter((id) => !wanted.has(id));
  const wrong = desired.filter((spec) => isWrong(spec, actual.get(spec.id), nowMs));
  await inFlight(surplus, (id) => queues.removeScheduler(queue, id));
  await inFlight(wrong, (spec) => queues.upsertScheduler(queue, spec));
  const broken = wrong.filter((spec) => actual.has(spec.id)).length;
  if (surplus.length + wrong.length > 0) {
    log.info(
      { queue, added: wrong.length - broken, mended: broken, removed: surplus.length },
      'schedulers synced',
    );
  }
}

function isWrong(spec: SchedulerSpec, actual: Scheduler | undefined, nowMs: number): boolean {
  if (!actual) return true;
  const isAsWanted =
    'pattern' in spec
      ? actual.pattern === spec.pattern
      : actual.everyMs === spec.everyMs && actual.offsetMs === spec.offsetMs;
  const isDead = !actual.hasPendingJob && Math.abs(nowMs - actual.nextMs) > FIRING_MS;
  return !isAsWanted || isDead;
}

async function inFlight<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  const lane = async () => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, items.length) }, lane));
}
