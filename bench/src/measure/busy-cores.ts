import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const PROBE_MS = 250;

/** How many cores others keep busy, looked at while we do nothing ourselves. */
export async function busyCores(): Promise<number> {
  const before = readTimes();
  await sleep(PROBE_MS);
  const after = readTimes();
  const total = after.total - before.total;
  return total <= 0 ? 0 : (1 - (after.idle - before.idle) / total) * os.cpus().length;
}

function readTimes(): { total: number; idle: number } {
  let total = 0;
  let idle = 0;
  for (const { times } of os.cpus()) {
    total += times.user + times.nice + times.sys + times.idle + times.irq;
    idle += times.idle;
  }
  return { total, idle };
}
