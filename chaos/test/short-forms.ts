import { queueBackends } from '@candlefleet/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRandom, FAULTS, openStage, startRun, type Run, type Stage } from '../src/index.js';

/** Repeats a failure: CHAOS_SEED=N npm test -- chaos */
export const SEED = Number(process.env['CHAOS_SEED'] ?? Math.floor(Math.random() * 1_000_000));
const LONGEST_MS = 6_000;

const SHORT = [
  'worker killed at claim:before',
  'worker killed at claim:after',
  'worker killed at page:after',
  'worker killed at chunk:before',
  'worker killed at chunk:after',
  'worker killed at finish:before',
  'worker killed at finish:after',
  'worker killed at job:ended',
  'all workers killed',
  'producer killed',
  'dashboard killed',
  'worker stopped past its lease',
  'worker stopped inside a statement',
  'poison',
  'Postgres restarted',
  'Postgres killed',
  "COMMIT's outcome unknown",
  'the queue forgets all',
  'a wire cut every second',
  'the provider at its worst',
];

/** In order, on one fleet of real processes: the last one checks what all of them left behind. */
export function describeShortForms(name: Stage['backend']): void {
  const { label = name, skipped } = queueBackends().find((one) => one.name === name) ?? {};
  const options = { shuffle: false, skip: skipped !== undefined };
  describe(`a fleet with the queue in ${label}, seed ${SEED}`, options, () => {
    let stage: Stage;
    let run: Run;
    beforeAll(async () => {
      stage = await openStage({
        backend: name,
        seed: SEED,
        workers: 2,
        producers: 2,
        symbols: Array.from({ length: 300 }, (_, n) => `S${n}/USDT`),
        minutes: 5,
      });
      run = await startRun(stage, createRandom(SEED), LONGEST_MS);
    }, 120_000);
    afterAll(() => stage?.close(), 60_000);

    test.each(SHORT)(
      '%s',
      async (kind) => {
        const fault = FAULTS.find((one) => one.kind === kind);
        if (!fault) throw new Error(`there is no fault "${kind}"`);
        const struck = await run.strike(fault);
        expect(struck.complaint).toBeUndefined();
        expect(struck.strike?.landed).toBe(true);
      },
      240_000,
    );

    test('then nothing is lost, doubled or stuck', async () => {
      const { complaints } = await run.finish({ isLong: false });
      expect(complaints).toEqual([]);
    }, 180_000);
  });
}
