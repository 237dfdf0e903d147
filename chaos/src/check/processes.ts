import { existsSync, readFileSync } from 'node:fs';
import type { Stage } from '../stage/stage.js';

const MOST_RSS_MB = 450;

/** What the fleet takes of the machine when nothing happens. */
export interface Footprint {
  readonly connections: number;
  readonly rssMb: ReadonlyMap<string, number>;
}

export async function footprint({ db, processes }: Stage): Promise<Footprint> {
  const [row] = await db.run(
    'connections',
    (sql) => sql<{ connections: number }[]>`
      select count(*)::int as connections from pg_stat_activity
      where datname = current_database() and backend_type = 'client backend' and application_name <> 'chaos'`,
  );
  return {
    connections: row?.connections ?? 0,
    rssMb: new Map(processes.all.map((one) => [one.name, rssOf(one.pid)])),
  };
}

/** Connections and memory are back where they were, within what a process may have open. */
export function compareFootprint(before: Footprint, after: Footprint): string[] {
  const complaints: string[] = [];
  if (after.connections > before.connections * 1.25 + 2)
    complaints.push(`${after.connections} connections to Postgres, ${before.connections} at the start`);
  for (const [name, mb] of after.rssMb)
    if (mb > MOST_RSS_MB) complaints.push(`${name} has ${mb} MB of memory, more than ${MOST_RSS_MB}`);
  return complaints;
}

function rssOf(pid: number): number {
  const file = `/proc/${pid}/status`;
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(text)?.[1] ?? 0) / 1_024);
}
