import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { FleetError, type CandleSource } from '@candlefleet/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readSettings } from '../environment.js';
import { chooseSource, keepSource, type SourceChoice, type SourceFlags } from './source-choice.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'candlefleet-source-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Chooses where only some exchanges answer. */
async function choose(flags: SourceFlags, answering: readonly string[] = []) {
  const asked: string[] = [];
  const told: string[] = [];
  const choice = await chooseSource({
    settings: readSettings({}, folder),
    flags,
    stop: new AbortController().signal,
    tell: (line) => told.push(line),
    openSource: async (provider) => {
      asked.push(provider);
      if (answering.includes(provider)) return SOURCE;
      throw new FleetError({ code: 'unavailable', message: 'no network', retryable: true });
    },
  });
  return { choice, asked, told };
}

const SOURCE: CandleSource = {
  traits: Object.create(null),
  origin: 'host',
  async *fetchCandles() {},
  findSymbols: async () => [],
  findFirstCandle: async () => undefined,
  ping: async () => {},
  close: async () => {},
};

test('auto takes the first exchange that answers', async () => {
  const { choice, asked } = await choose({}, ['kraken', 'coinbase']);
  expect(choice).toEqual({ source: 'live', provider: 'kraken' });
  expect(asked).toEqual(['binance', 'kraken']);
});

test('auto without a network says so plainly, and shows a simulated market', async () => {
  const { choice, told } = await choose({ source: 'auto' });
  expect(choice).toEqual({ source: 'replay', seed: 1 });
  expect(told.at(-1)).toMatch(/you are offline.*simulated market.*made up/);
});

test('live without a network is refused', async () => {
  await expect(choose({ source: 'live' })).rejects.toThrow(/None of binance, kraken, coinbase answers/);
});

test.each(['live', 'auto', undefined])(
  'a live choice is kept with --source %s, and nobody is asked',
  async (source) => {
    const kept: SourceChoice = { source: 'live', provider: 'kraken' };
    keepSource(folder, kept);
    const { choice, asked } = await choose({ source }, ['binance', 'kraken']);
    expect(choice).toEqual(kept);
    expect(asked).toEqual([]);
  },
);

test('another market than the kept one is refused, with the way out', async () => {
  keepSource(folder, { source: 'replay', seed: 4 });
  expect((await choose({ source: 'replay' })).choice).toEqual({ source: 'replay', seed: 4 });
  await expect(choose({ source: 'replay', seed: 5 })).rejects.toThrow(/seed 4.*never mixed.*reset --yes/s);
});
