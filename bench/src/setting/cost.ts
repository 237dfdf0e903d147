import { Redis } from 'ioredis';
import type { Database } from '@candlefleet/db';
import { postgresCpuMs } from './cpu-time.js';

/** CPU that a contender took over all its measurements, and for how many units of work. */
export interface Cost {
  readonly name: string;
  units: number;
  nodeMs: number;
  postgresMs: number;
  redisMs: number;
}

export function noCost(name: string): Cost {
  return { name, units: 0, nodeMs: 0, postgresMs: 0, redisMs: 0 };
}

/** Reads what this process and the two servers have used so far. */
export interface CpuMeter {
  /** Does the work, adds what it took to the cost, and answers units a second. */
  measure(cost: Cost, units: number, work: () => Promise<unknown>): Promise<number>;
  close(): void;
}

export function openCpuMeter(db: Database, redisUrl: string | undefined): CpuMeter {
  const redis = redisUrl ? new Redis(redisUrl) : undefined;
  const read = async () => {
    const { user, system } = process.cpuUsage();
    const redisMs = redis ? cpuOf(await redis.info('cpu')) : 0;
    return { nodeMs: (user + system) / 1_000, redisMs, postgresMs: await postgresCpuMs(db) };
  };
  return {
    async measure(cost, units, work) {
      const before = await read();
      const startedAt = performance.now();
      await work();
      const seconds = (performance.now() - startedAt) / 1_000;
      const after = await read();
      cost.units += units;
      for (const part of ['nodeMs', 'postgresMs', 'redisMs'] as const)
        cost[part] += after[part] - before[part];
      return units / seconds;
    },
    close: () => redis?.disconnect(),
  };
}

function cpuOf(info: string): number {
  const seconds = (name: string) =>
    Number(new RegExp(`used_cpu_${name}:([\\d.]+)`).exec(info)?.[1] ?? Number.NaN);
  return (seconds('user') + seconds('sys')) * 1_000;
}

export function costText({ name, units, nodeMs, postgresMs, redisMs }: Cost): string {
  const each = (ms: number) => `${Math.round((ms * 1_000) / units)} µs`;
  return `CPU a job, ${name}: Node ${each(nodeMs)}, Postgres ${each(postgresMs)}, Redis ${each(redisMs)}`;
}
