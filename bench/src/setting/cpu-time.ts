import { readFileSync } from 'node:fs';
import type { Database } from '@candlefleet/db';

const TICK_MS = 10;

/** CPU time that a process has used so far, in milliseconds; NaN where the system does not tell. */
export function cpuMs(pid: number): number {
  return (readStat(pid)?.ownTicks ?? Number.NaN) * TICK_MS;
}

/** CPU time of the server's processes so far, those that have ended included. */
export async function postgresCpuMs({ sql }: Database): Promise<number> {
  const rows = await sql<{ pid: number }[]>`select pid from pg_stat_activity`;
  const found = rows.map((row) => readStat(row.pid)).filter((stat) => stat !== undefined);
  const postmaster = readStat(found[0]?.parent ?? 0);
  if (!postmaster) return Number.NaN;
  return found.reduce((ticks, stat) => ticks + stat.ownTicks, postmaster.endedTicks) * TICK_MS;
}

interface Stat {
  readonly parent: number;
  readonly ownTicks: number;
  /** Of its children that have ended. */
  readonly endedTicks: number;
}

/** Undefined where the process has ended, or the system has no /proc. */
function readStat(pid: number): Stat | undefined {
  try {
    // Behind the command's name: state, parent …; times at 11 to 14 (proc(5)).
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ').map(Number) ?? [];
    const [parent = 0, user = 0, system = 0, endedUser = 0, endedSystem = 0] = [1, 11, 12, 13, 14].map(
      (at) => fields[at],
    );
    return { parent, ownTicks: user + system, endedTicks: endedUser + endedSystem };
  } catch {
    return undefined;
  }
}
