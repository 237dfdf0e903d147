import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '@candlefleet/testing';
import { glance, someWork } from '../stage/watch.js';
import type { Stage } from '../stage/stage.js';
import type { Fault } from './fault.js';

/** 8: the disk under Postgres is full, and then is not. */
export const diskFull: Fault = {
  kind: 'the disk under Postgres full',
  share: 4,
  cannot: (stage) => (stage.disk ? undefined : 'a small disk takes root, on Linux'),
  async strike({ stage }) {
    const inProgress = await someWork(stage);
    const toldBefore = countTold(stage);
    await stage.disk?.fill();
    try {
      // Log segments that are there already are used up first.
      await waitUntil(
        'a worker to say that the disk is full',
        async () => {
          await stage.disk?.fill();
          return countTold(stage) > toldBefore;
        },
        120_000,
      );
      await sleep(2_000);
    } finally {
      stage.disk?.free();
    }
    await reviveIfDown(stage);
    return { landed: inProgress > 0, what: `${inProgress} in progress` };
  },
};

/** What Postgres says where a log segment cannot be written is a panic: then it has ended. */
async function reviveIfDown(stage: Stage): Promise<void> {
  await stage.postgres.revive();
  await waitUntil('Postgres to answer', () => glance(stage).catch(() => undefined), 60_000);
}

function countTold(stage: Stage): number {
  return stage.processes
    .of('worker')
    .reduce(
      (sum, { logFile }) => sum + readFileSync(logFile, 'utf8').split('No space left on device').length,
      0,
    );
}
