import {
  calendarOf,
  isTimeframe,
  lastClosedOpen,
  spreadWindowMs,
  TAIL_GRACE_MS,
  type Timeframe,
} from '@candlefleet/core';
import { LEADER_LOCK } from '../leader.js';
import { findMissing, type PlanningHorizon } from '../queries/find-missing.js';
import type { DeepFinding } from './finding.js';
import { nameOf, type Scope } from './scope.js';

const RULE = {
  check: 'series.planned',
  remedy:
    "Something is wanted, nothing has it in hand, and the planner has had time. The producer's log tells why (`duty failed`); starting the producer again has it look anew, and `candlefleet backfill` plans the stretch by hand.",
};

/**
 * Whatever is wanted is covered, unavailable, in doubt with a date, or visibly owed: an execution over it is pending, in
 * progress or failed lately, or a person cancelled it. What remains was forgotten if neither its series moved lately nor
 * the planner was busy with others of the provider; while no producer leads, it waits.
 */
export async function seriesPlanned(scope: Scope): Promise<DeepFinding> {
  const faults = scope.faults();
  const { isLed, busyProviders, quietSeries } = await readPlanning(scope);
  const byId = new Map(scope.series.map((one) => [one.seriesId, one]));
  let waiting = 0;
  for (const { seriesId, provider, missing } of await findMissing(scope.db, await horizonsOf(scope))) {
    const series = byId.get(seriesId);
    if (!series) continue;
    if (!isLed || busyProviders.has(provider) || !quietSeries.has(seriesId)) {
      waiting += 1;
      continue;
    }
    const [first] = missing;
    faults.add({
      ...nameOf(series),
      from: new Date(first?.fromMs ?? 0).toISOString(),
      to: new Date(first?.toMs ?? 0).toISOString(),
      ranges: missing.length,
    });
  }
  const why = isLed ? 'soon to be planned' : 'waiting for a producer that leads';
  return faults.finding(RULE, {
    sound: `all that is wanted is there, or visibly owed${waiting > 0 ? `; ${waiting} series ${why}` : ''}`,
    broken: 'series miss what nobody has planned',
  });
}

/** Up to the newest candle that the planner should have planned `patienceMs` ago. */
async function horizonsOf(scope: Scope): Promise<PlanningHorizon[]> {
  const nowMs = await scope.db.clockMs();
  const horizons = new Map<string, PlanningHorizon>();
  for (const { provider, timeframe, calendar } of scope.series) {
    const key = `${provider} ${timeframe ?? ''}`;
    if (calendar === null || !isTimeframe(timeframe ?? '') || timeframe === null || horizons.has(key))
      continue;
    const lateMs = scope.traitsOf(provider).settleDelayMs + spreadWindowMs(timeframe) + TAIL_GRACE_MS;
    horizons.set(key, {
      provider,
      timeframe,
      toMs: closedBy(calendar, timeframe, lateMs + scope.patienceMs, nowMs),
    });
  }
  return [...horizons.values()];
}

function closedBy(calendarId: string, timeframe: Timeframe, lateMs: number, nowMs: number): number {
  const calendar = calendarOf(calendarId);
  return calendar.closeOf(timeframe, lastClosedOpen(calendar, timeframe, lateMs, nowMs));
}

interface Planning {
  /** A producer leads. */
  readonly isLed: boolean;
  /** The planner wrote something for them lately: others of theirs may have to wait until there is room. */
  readonly busyProviders: ReadonlySet<string>;
  /** Wanted as they are for a while, and with no execution that is unfinished or ended lately. */
  readonly quietSeries: ReadonlySet<number>;
}

async function readPlanning({ db, patienceMs }: Scope): Promise<Planning> {
  const [row] = await db.run(
    'read planning',
    (sql) => sql<{ isLed: boolean; busy: string[]; quiet: number[] }[]>`
      with lately as (select clock_timestamp() - ${patienceMs} * interval '1 millisecond' as at)
      select
        exists (select 1 from pg_locks l where l.locktype = 'advisory' and l.granted and l.classid = 0
          and l.objid = ${LEADER_LOCK}::oid
          and l.database = (select oid from pg_database where datname = current_database())) as "isLed",
        array(select distinct s.provider from backfill_state_persistent e join series s using (series_id), lately
          where e.kind <> 'tail' and e.created_at > lately.at) as busy,
        array(select t.series_id from tracked_series t join series s using (series_id)
          join tracked_symbols w on w.provider = t.provider and w.symbol = t.symbol, lately
          where s.updated_at < lately.at and w.updated_at < lately.at
            and not exists (select 1 from backfill_state_persistent e where e.series_id = t.series_id
              and e.status in ('pending', 'in_progress'))
            and t.series_id not in (select e.series_id from backfill_state_persistent e
              where e.completed_at > lately.at)) as quiet`,
  );
  return {
    isLed: row?.isLed ?? false,
    busyProviders: new Set(row?.busy),
    quietSeries: new Set(row?.quiet),
  };
}
