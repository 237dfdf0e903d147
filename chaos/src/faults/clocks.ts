import { setTimeout as sleep } from 'node:timers/promises';
import { readFileSync } from 'node:fs';
import { waitUntil } from '@candlefleet/testing';
import { busyWorker, glance, heldBy } from '../stage/watch.js';
import { promise, type Fault } from './fault.js';

const AFTER_NOTICE_MS = 3_000;

/** 7: one worker's wall clock is off. It refuses to store, and harms nobody. */
const clockOff = (kind: string, offsetsMs: readonly number[]): Fault => ({
  kind,
  share: 4,
  async strike({ stage }) {
    const worker = await busyWorker(stage);
    const { pid } = worker;
    const held = await heldBy(stage, worker);
    const saidBefore = countSaid(worker.logFile);
    try {
      for (const offsetMs of offsetsMs) {
        stage.bendClock(worker, offsetMs);
        await sleep(1_000);
      }
      await waitUntil('the worker to say so', () => countSaid(worker.logFile) > saidBefore, 20_000);
      await waitUntil('it to let go of its work', async () => (await heldBy(stage, worker)) === 0, 20_000);
      const { stored } = await glance(stage);
      await sleep(AFTER_NOTICE_MS);
      promise(
        (await heldBy(stage, worker)) === 0,
        `${worker.name} (pid ${pid}) took work although its clock is off`,
      );
      const others = stage.processes.of('worker').filter((one) => one !== worker && one.isUp);
      if (others.length > 0)
        await waitUntil('the others to go on', async () => (await glance(stage)).stored > stored, 30_000);
    } finally {
      stage.bendClock(worker, 0);
    }
    return { landed: held > 0, what: `${worker.name} with ${held} in hand` };
  },
});

export const clocks: Fault[] = [
  clockOff('a clock 40 s ahead', [40_000]),
  clockOff('a clock an hour behind', [-3_600_000]),
  clockOff('a clock that steps', [40_000, -40_000, 3_600_000]),
];

function countSaid(logFile: string): number {
  return readFileSync(logFile, 'utf8').split("clock is off the database's").length;
}
