import { setTimeout as sleep } from 'node:timers/promises';
import type { Wire } from '@candlefleet/testing';
import type { Random } from '../random.js';
import type { FleetProcess } from '../stage/processes.js';
import type { Stage } from '../stage/stage.js';
import { busyWorker, glance, heldBy } from '../stage/watch.js';
import { promise, type Fault } from './fault.js';

interface Chosen {
  readonly wire: Wire;
  readonly what: string;
  readonly inHand: number;
}

/** A wire between two parts that is in use: most often one of a worker's. */
async function chooseWire(stage: Stage, random: Random): Promise<Chosen> {
  const isWorker = random.next() < 0.8;
  const one: FleetProcess = isWorker ? await busyWorker(stage) : random.pick(stage.processes.of('producer'));
  const { postgres, redis, provider } = stage.wiresOf(one);
  const [end, wire] = random.pick<readonly [string, Wire]>([
    ['Postgres', postgres],
    ...(redis ? [['Redis', redis] as const] : []),
    ...(isWorker ? [['provider', provider] as const] : []),
  ]);
  const inHand = isWorker ? await heldBy(stage, one) : (await glance(stage)).unfinished;
  return { wire, what: `${one.name} to ${end}`, inHand };
}

/** 6: the network between any two parts. */
export const cutEverySecond: Fault = {
  kind: 'a wire cut every second',
  share: 8,
  async strike({ stage, random }) {
    const { wire, what, inHand } = await chooseWire(stage, random);
    let connections = 0;
    for (let times = 0; times < 5; times += 1) {
      connections += wire.connections;
      await wire.cut();
      await sleep(300);
      await wire.restore();
      await sleep(700);
    }
    return { landed: inHand > 0 && connections > 0, what };
  },
};

export const reset: Fault = {
  kind: 'a wire reset',
  share: 4,
  async strike({ stage, random }) {
    const { wire, what, inHand } = await chooseWire(stage, random);
    const { connections } = wire;
    wire.reset();
    return { landed: inHand > 0 && connections > 0, what };
  },
};

const weather = (kind: string, how: Parameters<Wire['slow']>[0]): Fault => ({
  kind,
  share: 4,
  async strike({ stage, random, longestMs }) {
    const { wire, what, inHand } = await chooseWire(stage, random);
    wire.slow(how);
    await sleep(Math.min(10_000, longestMs));
    const { connections } = wire;
    await wire.restore();
    return { landed: inHand > 0 && connections > 0, what };
  },
});

export const latency = weather('a wire of 300 ms ± 200', { latencyMs: 300, jitterMs: 200 });
export const drip = weather('a wire of 1 kB/s', { bytesPerSecond: 1_000 });

const AFTER_HEALING_MS = 30_000;

export const blackHole: Fault = {
  kind: 'a wire that swallows all',
  share: 1,
  async strike({ stage, random, longestMs }) {
    const worker = await busyWorker(stage);
    const { postgres, redis, provider } = stage.wiresOf(worker);
    const [end, wire] = random.pick<readonly [string, Wire]>([
      ['Postgres', postgres],
      ...(redis ? [['Redis', redis] as const] : []),
      ['provider', provider],
    ]);
    const held = await heldBy(stage, worker);
    wire.swallow();
    await sleep(Math.min(300_000, longestMs));
    const startsBefore = worker.starts;
    await wire.restore();
    const healedAt = performance.now();
    while ((await heldBy(stage, worker)) === 0 && performance.now() - healedAt < 2 * AFTER_HEALING_MS)
      await sleep(50);
    const tookMs = Math.round(performance.now() - healedAt);
    promise(
      tookMs < AFTER_HEALING_MS,
      `${worker.name} took its next job ${tookMs} ms after its wire to ${end} was healed, not within 30 s`,
    );
    return {
      landed: held > 0,
      what: `${worker.name} to ${end}, next job ${tookMs} ms after, started ${startsBefore}×`,
    };
  },
};
