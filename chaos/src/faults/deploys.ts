import { setTimeout as sleep } from 'node:timers/promises';
import { glance, someWork } from '../stage/watch.js';
import { promise, type Fault } from './fault.js';

/** SHUTDOWN_SECONDS of the stage, and a moment to be gone. */
const GRACE_MS = 12_000;

/** 10: producers and workers restarted all the time, while the watchlist changes. */
export const deployStorm: Fault = {
  kind: 'a deploy storm',
  share: 1,
  async strike({ stage, load, random, longestMs }) {
    const inProgress = await someWork(stage);
    const before = await glance(stage);
    let deploys = 0;
    const end = performance.now() + Math.min(120_000, longestMs);
    while (performance.now() < end) {
      const one = random.pick([...stage.processes.of('producer'), ...stage.processes.of('worker')]);
      const ended = await one.end();
      deploys += 1;
      promise(
        ended.tookMs < GRACE_MS,
        `${one.name} took ${Math.round(ended.tookMs)} ms to end after SIGTERM`,
      );
      // One that was told to end before it was set up has no code of its own.
      promise(
        ended.code === 0 || ended.signal === 'SIGTERM',
        `${one.name} ended with ${ended.code ?? ended.signal} after SIGTERM`,
      );
      const symbol = random.pick(load.live);
      await random.pick([
        () => load.addPast(),
        () => load.pauseFor(symbol, 300),
        () => load.removeAndAdd(symbol, 300),
      ])();
      await sleep(1_000);
    }
    return {
      landed: inProgress > 0 && deploys > 0,
      what: `${deploys} restarts, ${before.unfinished} unfinished`,
    };
  },
};
