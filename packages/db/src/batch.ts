import { isOutcomeUnknown } from './errors.js';

interface Waiting<I, O> {
  readonly item: I;
  resolve(output: O): void;
  reject(reason: unknown): void;
}

/**
 * Natural batching: whatever waits while one statement is under way goes into the next. A lone item waits for nobody.
 * `run` answers in the order of its items. A batch that fails is tried one by one, so that one item's fault is its own;
 * one whose outcome is unknown is not: it may have taken effect.
 */
export function createBatcher<I, O>(run: (items: readonly I[]) => Promise<readonly O[]>, maxBatch = 64) {
  const waiting: Waiting<I, O>[] = [];
  let isRunning = false;

  async function drain(): Promise<void> {
    isRunning = true;
    while (waiting.length > 0) await settle(waiting.splice(0, maxBatch));
    isRunning = false;
  }

  async function settle(batch: readonly Waiting<I, O>[]): Promise<void> {
    try {
      const outputs = await run(batch.map((w) => w.item));
      for (const [index, one] of batch.entries()) one.resolve(outputs[index] as O);
    } catch (thrown) {
      if (batch.length === 1 || isOutcomeUnknown(thrown)) for (const one of batch) one.reject(thrown);
      else for (const one of batch) await settle([one]);
    }
  }

  return (item: I): Promise<O> =>
    new Promise<O>((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (!isRunning) void drain();
    });
}
