import { setTimeout as sleep } from 'node:timers/promises';
import { FAULT_KINDS } from '@candlefleet/providers';
import { pace } from '../stage/stage.js';
import { someWork } from '../stage/watch.js';
import type { Fault } from './fault.js';

/** Of the requests, in all ways together. */
const SHARE = 0.2;
/** Kinds that refuse a symbol for good: no retry helps, and a person has to. */
const FINAL = new Set(['symbol_refused']);
const LIES = FAULT_KINDS.filter((kind) => kind !== 'latency' && !FINAL.has(kind));

/** 9: one request in five is answered wrongly, in every way there is. */
export const providerLies: Fault = {
  kind: 'the provider at its worst',
  share: 8,
  async strike({ stage, random, longestMs }) {
    const inProgress = await someWork(stage);
    const plan = pace(random.whole(1, 1_000_000));
    const rate = SHARE / LIES.length;
    const before = await stage.control.setFaults({
      ...plan,
      faults: [
        ...plan.faults,
        ...LIES.map((kind) => ({ kind, rate })),
        { kind: 'symbol_refused', rate, times: 1 },
      ],
    });
    await sleep(Math.min(15_000, longestMs));
    const after = await stage.control.setFaults(plan);
    const lies = LIES.reduce((sum, kind) => sum + (after[kind] ?? 0) - (before[kind] ?? 0), 0);
    return { landed: inProgress > 0 && lies > 0, what: `${lies} answers` };
  },
};
