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

/** The same, read from Redis in few round trips: BullMQ's own calls take several per scheduler. */
export async function readSchedulersFromRedis(
  redis: Redis,
  queueKey: string,
): Promise<Map<string, Scheduler>> {
  const repeatKey = `${queueKey}:repeat`;
  const scored = await redis.zrange(repeatKey, 0, '-1', 'WITHSCORES');
  const schedulers = new Map<string, Scheduler>();
  for (let start = 0; start < scored.length; start += 2 * PAGE) {
    const page = scored.slice(start, start + 2 * PAGE);
    const pipeline = redis.pipeline();
    for (let i = 0; i < page.length; i += 2) {
      pipeline.hmget(`${repeatKey}:${page[i]}`, 'every', 'offset', 'pattern');
      pipeline.hmget(`${repeatKey}:${page[i]}:${page[i + 1]}`, 'timestamp', 'finishedOn');
    }
    const answers = (await pipeline.exec()) ?? [];
    for (let i = 0; i < page.length; i += 2) {
      const id = page[i] ?? '';
      const [every, offset, pattern] = fieldsOf(answers[i]);
      const [timestamp, finishedOn] = fieldsOf(answers[i + 1]);
      schedulers.set(id, {
        id,
        everyMs: toNumber(every),
        offsetMs: toNumber(offset),
        pattern: pattern ?? undefined,
        nextMs: Number(page[i + 1]),
        hasPendingJob: timestamp !== null && timestamp !== undefined && !finishedOn,
      });
    }
  }
  return schedulers;
}

function fieldsOf(answer: [error: Error | null, result: unknown] | undefined): (string | null)[] {
  if (answer?.[0]) throw answer[0];
  return Array.isArray(answer?.[1]) ? answer[1] : [];
}

function toNumber(text: string | null | undefined): number | undefined {
  return text === null || text === undefined ? undefined : Number(text);
}
