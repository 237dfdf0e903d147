import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { BadInputError } from '@candlefleet/core';
import { openSource } from '@candlefleet/providers';
import { z } from 'zod';
import type { Settings } from '../environment.js';

const schema = z.discriminatedUnion('source', [
  z.object({ source: z.literal('live'), provider: z.string() }),
  z.object({ source: z.literal('replay'), seed: z.number(), recordings: z.string().optional() }),
]);

/** Where candles come from: chosen once per data folder, and kept. */
export type SourceChoice = z.infer<typeof schema>;

export interface SourceFlags {
  readonly source?: string | undefined;
  readonly recordings?: string | undefined;
  readonly seed?: number | undefined;
}

const FILE = 'source.json';
const LIVE = ['binance', 'kraken', 'coinbase'] as const;
const TRY_MS = 3_000;
const DEFAULT_SEED = 1;

/** The choice that is kept, or a new one. `tell` hears how it came about. @throws BadInputError when they contradict */
export async function chooseSource(
  settings: Settings,
  flags: SourceFlags,
  tell: (line: string) => void,
): Promise<SourceChoice> {
  const kept = readKept(settings.dataDir);
  const asked = readFlags(flags);
  if (kept && asked === 'auto') return kept;
  if (kept?.source === 'replay' && asked !== 'auto' && asked.source === 'replay') {
    const isSame =
      (asked.recordings ?? kept.recordings) === kept.recordings && (flags.seed ?? kept.seed) === kept.seed;
    if (isSame) return kept;
    throw new BadInputError(
      `${settings.dataDir} already replays ${kept.recordings ?? `the simulated market of seed ${kept.seed}`}, and two markets are never mixed. ` +
        'Use another folder (--data-dir), or empty this one: npx candlefleet reset --yes',
    );
  }
  const choice = asked === 'auto' || asked.source === 'live' ? await findLive(settings, asked, tell) : asked;
  writeFileSync(path.join(settings.dataDir, FILE), `${JSON.stringify(choice, null, 2)}\n`);
  return choice;
}

type Asked = 'auto' | { source: 'live' } | Extract<SourceChoice, { source: 'replay' }>;

function readFlags({ source, recordings, seed }: SourceFlags): Asked {
  if (source === 'replay' || (source === undefined && recordings !== undefined)) {
    const folder = recordings === undefined ? {} : { recordings: path.resolve(recordings) };
    return { source: 'replay', seed: seed ?? DEFAULT_SEED, ...folder };
  }
  if (recordings !== undefined) throw new BadInputError('--recordings goes with --source replay.');
  if (source === 'live') return { source };
  if (source === undefined || source === 'auto') return 'auto';
  throw new BadInputError(`--source ${source}: there are auto, live and replay.`);
}

function readKept(dataDir: string): SourceChoice | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(path.join(dataDir, FILE), 'utf8')));
  } catch {
    return undefined;
  }
}

async function findLive(
  settings: Settings,
  asked: Asked,
  tell: (line: string) => void,
): Promise<SourceChoice> {
  for (const provider of LIVE) {
    if (await answers(settings, provider)) {
      tell(`${provider} answers: live candles, without a key.`);
      return { source: 'live', provider };
    }
    tell(`${provider} does not answer within ${TRY_MS / 1_000} s.`);
  }
  if (asked !== 'auto') {
    throw new BadInputError(
      `None of ${LIVE.join(', ')} answers from here. Check the network, or start with --source replay.`,
    );
  }
  tell('No exchange answers: you are offline. Showing a simulated market instead; its candles are made up.');
  return { source: 'replay', seed: DEFAULT_SEED };
}

async function answers(settings: Settings, provider: string): Promise<boolean> {
  const gate = { pass: async () => {}, observeUsed: () => {} };
  const markets = { read: async () => undefined, write: async () => {} };
  try {
    const source = await openSource(provider, {
      gate,
      markets,
      ...settings.provider(provider),
      timeoutMs: TRY_MS,
    });
    await source.ping(AbortSignal.timeout(TRY_MS)).finally(() => source.close());
    return true;
  } catch {
    return false;
  }
}
