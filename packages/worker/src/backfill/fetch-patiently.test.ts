import { alwaysOpen, FleetError, type CandlePage, type CandleSource } from '@candlefleet/core';
import { expect, test } from 'vitest';
import { fetchPatiently } from './fetch-patiently.js';

const PAGE_MS = 10 * 60_000;
const failure = (more: Partial<{ retryable: boolean; retryAfterMs: number }> = {}) =>
  new FleetError({ code: 'unavailable', message: 'no answer', retryable: true, ...more });

/** The pages that a source answers from what it does at each request. */
async function fetchFrom(
  onRequest: (fromMs: number, nth: number) => void,
  pages: number,
  signal?: AbortSignal,
) {
  const got: number[] = [];
  const waits: number[] = [];
  let asked = 0;
  const source = {
    async *fetchCandles({ fromMs, toMs }: { fromMs: number; toMs: number }): AsyncGenerator<CandlePage> {
      for (let at = fromMs; at < toMs; at += PAGE_MS) {
        onRequest(at, (asked += 1));
        const range = { fromMs: at, toMs: at + PAGE_MS };
        yield {
          asked: range,
          candles: [],
          proven: [range],
          unconfirmed: [],
          unavailable: [],
          requests: 1,
          confirmations: 0,
        };
      }
    },
  } as Partial<CandleSource> as CandleSource;
  const request = {
    symbol: 'A/B',
    timeframe: '1m' as const,
    calendar: alwaysOpen,
    fromMs: 0,
    toMs: pages * PAGE_MS,
    urgent: false,
    signal: signal ?? new AbortController().signal,
  };
  const pause = async (ms: number) => void waits.push(ms);
  const heard: string[] = [];
  const fetching = (async () => {
    for await (const page of fetchPatiently(source, request, {
      onAgain: ({ code }) => heard.push(code),
      pause,
    }))
      got.push(page.asked.fromMs / PAGE_MS);
  })();
  const error: unknown = await fetching.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return { got, waits, heard, error, asked };
}

test('a page that failed is asked for again, from where it was, with longer pauses; each page has its own count', async () => {
  const failures = new Map<number, number>();
  const { got, waits, heard, error } = await fetchFrom((fromMs) => {
    const before = failures.get(fromMs) ?? 0;
    failures.set(fromMs, before + 1);
    if (before < 3) throw failure();
  }, 20);
  expect(error).toBeUndefined();
  expect(got).toEqual(Array.from({ length: 20 }, (_, n) => n));
  expect(heard).toEqual(Array.from({ length: 60 }, () => 'unavailable'));
  const [first = 0, second = 0, third = 0] = waits;
  expect(first).toBeGreaterThanOrEqual(250);
  expect(second).toBeGreaterThanOrEqual(500);
  expect(third).toBeGreaterThanOrEqual(1_000);
  expect(Math.max(...waits)).toBeLessThanOrEqual(2_000);
});

test('one that fails four times in a row ends the attempt, with what it threw last', async () => {
  const { got, asked, error } = await fetchFrom((fromMs, nth) => {
    if (fromMs === 2 * PAGE_MS) throw new FleetError({ code: `failed_${nth}`, message: '', retryable: true });
  }, 5);
  expect(got).toEqual([0, 1]);
  expect(asked).toBe(2 + 4);
  expect(error).toMatchObject({ code: 'failed_6' });
});

test.each([
  ['no retry can help', failure({ retryable: false })],
  ['it says when to come back: the job waits, and not its slot', failure({ retryAfterMs: 1_000 })],
  ['it is none of ours', new TypeError('a mistake of ours')],
])('nothing is asked again where %s', async (_why, thrown) => {
  const { asked, error, waits } = await fetchFrom(() => {
    throw thrown;
  }, 5);
  expect({ asked, waits }).toEqual({ asked: 1, waits: [] });
  expect(error).toBe(thrown);
});

test('nothing is asked again once the attempt was stopped', async () => {
  const stop = new AbortController();
  const { asked, waits } = await fetchFrom(
    () => {
      stop.abort();
      throw failure();
    },
    5,
    stop.signal,
  );
  expect({ asked, waits }).toEqual({ asked: 1, waits: [] });
});
