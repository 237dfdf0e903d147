import type { JobsOptions, Queue } from 'bullmq';
import type { Redis } from 'ioredis';

/** What should be scheduled: `every` with an explicit offset (never 0: it would fire off its grid), or a pattern. */
export type SchedulerSpec = {
  readonly id: string;
  readonly name: string;
  readonly data: Record<string, unknown>;
  readonly options?: JobsOptions;
} & ({ readonly everyMs: number; readonly offsetMs: number } | { readonly pattern: string });

/** What is scheduled. */
export interface Scheduler {
  readonly id: string;
  readonly everyMs: number | undefined;
  readonly offsetMs: number | undefined;
  readonly pattern: string | undefined;
  readonly nextMs: number;
  /** The job of its next slot exists and has not ended. */
  readonly hasPendingJob: boolean;
}

const PAGE = 1_000;
const IN_FLIGHT = 8;

export async function upsertScheduler(queue: Queue, spec: SchedulerSpec): Promise<void> {
  const repeat =
    'pattern' in spec ? { pattern: spec.pattern, tz: 'UTC' } : { every: spec.everyMs, offset: spec.offsetMs };
  await queue.upsertJobScheduler(spec.id, repeat, {
    name: spec.name,
    data: spec.data,
    opts: spec.options ?? {},
  });
}

/** Reads all schedulers of a queue through BullMQ's own calls: for the Postgres backend. */
export async function readSchedulers(queue: Queue): Promise<Map<string, Scheduler>> {
  const schedulers = new Map<string, Scheduler>();
  for (let start = 0; ; start += PAGE) {
    const page = await queue.getJobSchedulers(start, start + PAGE - 1, true);
    const rest = page.values();
    const lane = async () => {
      for (const one of rest) {
        const nextMs = one.next ?? 0;
        const state = await queue.getJobState(`repeat:${one.key}:${nextMs}`);
        const hasPendingJob = state !== 'unknown' && state !== 'completed' && state !== 'failed';
        const { every: everyMs, offset: offsetMs, pattern } = one;
        schedulers.set(one.key, { id: one.key, everyMs, offsetMs, pattern, nextMs, hasPendingJob });
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
    if (page.length < PAGE) return schedulers;
  }
}

/** Of each scheduler and slot in ARGV: every, offset, pattern, and whether the slot's job exists and has not ended. */
const READ_PAGE = `
local told = {}
for i = 1, #ARGV, 2 do
  local key = KEYS[1] .. ':' .. ARGV[i]
  local scheduler = redis.call('HMGET', key, 'every', 'offset', 'pattern')
  local job = redis.call('HMGET', key .. ':' .. ARGV[i + 1], 'timestamp', 'finishedOn')
  for field = 1, 3 do told[#told + 1] = scheduler[field] end
  told[#told + 1] = job[1] and not job[2] and 1 or 0
end
return told`;

/** The same, read inside Redis, a page at a time: BullMQ's own calls take several round trips for each. */
export async function readSchedulersFromRedis(
  redis: Redis,
  queueKey: string,
): Promise<Map<string, Scheduler>> {
  const repeatKey = `${queueKey}:repeat`;
  const scored = await redis.zrange(repeatKey, 0, '-1', 'WITHSCORES');
  const schedulers = new Map<string, Scheduler>();
  const starts = Array.from(
    { length: Math.ceil(scored.length / (2 * PAGE)) },
    (_, n) => n * 2 * PAGE,
  ).values();
  const lane = async () => {
    for (const start of starts) {
      const page = scored.slice(start, start + 2 * PAGE);
      const told = (await redis.eval(READ_PAGE, 1, repeatKey, ...page)) as (string | number | null)[];
      for (let i = 0; i < page.length; i += 2) {
        const id = page[i] ?? '';
        schedulers.set(id, {
          id,
          everyMs: toNumber(told[2 * i]),
          offsetMs: toNumber(told[2 * i + 1]),
          pattern: told[2 * i + 2]?.toString(),
          nextMs: Number(page[i + 1]),
          hasPendingJob: told[2 * i + 3] === 1,
        });
      }
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  return schedulers;
}

function toNumber(told: string | number | null | undefined): number | undefined {
  return told === null || told === undefined ? undefined : Number(told);
}
