import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { calendarOf, checkCandles } from '@candlefleet/core';
import { openRecordings, parseFaultFlag } from '@candlefleet/providers';
import { expect, test } from 'vitest';
import { readFaults } from '../src/roles/run-replay.js';

const examples = fileURLToPath(new URL('../../../examples', import.meta.url));

test('the fault plan parses, and shows every kind of fault that there is', () => {
  const plan = readFaults({ faults: path.join(examples, 'faults.json'), fault: [], seed: 1 });
  expect([...new Set(plan.faults.map((fault) => fault.kind))].sort()).toEqual(knownFaults().sort());
});

/** Read from the refusal of one that is not known: it names all. */
function knownFaults(): string[] {
  try {
    parseFaultFlag('none');
  } catch (thrown) {
    return /There are: (.*)\.$/.exec(String(thrown))?.[1]?.split(', ') ?? [];
  }
  return [];
}

test('the recordings open, and every candle of theirs is sound', async () => {
  const market = await openRecordings(path.join(examples, 'recordings'));
  expect(market.series.map(({ symbol, timeframe }) => `${symbol} ${timeframe}`)).toEqual([
    'DEMO/USDT 1h',
    'TOY/USDT 1d',
  ]);
  for (const series of market.series) {
    const asked = { fromMs: series.fromMs, toMs: series.toMs ?? Number.NaN };
    const candles = market.candles({ ...series, ...asked, limit: 1_000, nowMs: Date.now() });
    const calendar = calendarOf('24x7');
    const { good, rejected } = checkCandles(candles, {
      calendar,
      timeframe: series.timeframe,
      asked,
      settledMs: asked.toMs,
    });
    expect(rejected).toEqual([]);
    expect(good).toHaveLength(candles.length);
  }
});

test('the shell scripts are well-formed', () => {
  const scripts = readdirSync(examples).filter((name) => name.endsWith('.sh'));
  expect(scripts).not.toEqual([]);
  for (const script of scripts) execFileSync('bash', ['-n', path.join(examples, script)]);
});
