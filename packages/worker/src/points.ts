import { channel } from 'node:diagnostics_channel';

/**
 * Places on an execution's way that others may watch, each a channel of Node's diagnostics_channel named
 * `candlefleet:<point>`, with the execution's id. Unwatched, one costs a look at a flag. The fault tests kill, stop and
 * delay a worker there.
 */
const CHANNELS = {
  'claim:before': channel('candlefleet:claim:before'),
  'claim:after': channel('candlefleet:claim:after'),
  /** Between two pages: one is stored, the next is not asked for yet. */
  'page:after': channel('candlefleet:page:after'),
  'chunk:before': channel('candlefleet:chunk:before'),
  'chunk:after': channel('candlefleet:chunk:after'),
  'finish:before': channel('candlefleet:finish:before'),
  'finish:after': channel('candlefleet:finish:after'),
  /** The row has its end, and the queue has not heard of it. */
  'job:ended': channel('candlefleet:job:ended'),
};

export type Point = keyof typeof CHANNELS;

export function passPoint(point: Point, executionId: string): void {
  const watched = CHANNELS[point];
  if (watched.hasSubscribers) watched.publish({ executionId });
}

/** The same call, with its points before and after; its answer is a step of its execution. */
export function watched<I extends { executionId: string }, O>(
  name: 'claim' | 'chunk' | 'finish',
  call: (input: I) => Promise<O>,
  step: (executionId: string) => void,
): (input: I) => Promise<O> {
  return async (input) => {
    passPoint(`${name}:before`, input.executionId);
    const answer = await call(input);
    step(input.executionId);
    passPoint(`${name}:after`, input.executionId);
    return answer;
  };
}
