import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { asFleetError, BadInputError, type CandleSource } from '@candlefleet/core';
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

export interface SourceQuestion {
  readonly settings: Settings;
  readonly flags: SourceFlags;
  /** Opens an exchange behind the fleet's budget. */
  readonly openSource: (provider: string, timeoutMs: number) => Promise<CandleSource>;
  readonly stop: AbortSignal;
  /** Hears how the choice came about. */
  readonly tell: (line: string) => void;
}

/** The choice that is kept, or a new one. @throws BadInputError when they contradict */
export async function chooseSource(question: SourceQuestion): Promise<SourceChoice> {
  const { settings, flags } = question;
  const kept = readKept(settings.dataDir);
  const asked = readFlags(flags);
  if (kept && (asked === 'auto' || (asked.source === 'live' && kept.source === 'live'))) return kept;
  if (kept?.source === 'replay' && asked !== 'auto' && asked.source === 'replay') {
    const isSame =
      (asked.recordings ?? kept.recordings) === kept.recordings && (flags.seed ?? kept.seed) === kept.seed;
    if (isSame) return kept;
    throw new BadInputError(
      `${settings.dataDir} already replays ${kept.recordings ?? `the simulated market of seed ${kept.seed}`}, and two markets are never mixed. ` +
        'Use another folder (--data-dir), or empty this one: npx candlefleet reset --yes',
    );
  }
  return asked === 'auto' || asked.source === 'live' ? findLive(question, asked) : asked;
}

/** Keeps a choice that has proven to work: a mistyped folder must not be kept. */
export function keepSource(dataDir: string, choice: SourceChoice): void {
  const file = path.join(dataDir, FILE);
  writeFileSync(`${file}.new`, `${JSON.stringify(choice, null, 2)}\n`);
  renameSync(`${file}.new`, file);
}

type Asked = 'auto' | { source: 'live' } | Extract<SourceChoice, { source: 'replay' }>;

/** What the flags ask for. @throws BadInputError when they contradict each other */
export function readFlags({ source, recordings, seed }: SourceFlags): Asked {
  if (source === 'replay' || (source === undefined && recordings !== undefined)) {
    const folder = recordings === undefined ? {} : { recordings: path.resolve(recordings) };
    return { source: 'replay', seed: seed ?? DEFAULT_SEED, ...folder };
  }
  if (recordings !== undefined) throw new BadInputError('--recordings goes with --source replay.');
  if (seed !== undefined) throw new BadInputError('--seed goes with --source replay.');
  if (source === 'live') return { source };
  if (source === undefined || source === 'auto') return 'auto';
  throw new BadInputError(`--source ${source}: there are auto, live and replay.`);
}

function readKept(dataDir: string): SourceChoice | undefined {
  const file = path.join(dataDir, FILE);
  if (!existsSync(file)) return undefined;
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new BadInputError(
      `${file} is damaged: it keeps where this folder's candles come from. Delete it, and name the source with --source.`,
      cause,
    );
  }
}

async function findLive({ openSource, stop, tell }: SourceQuestion, asked: Asked): Promise<SourceChoice> {
  for (const provider of LIVE) {
    const fault = await faultOf(openSource, provider, stop);
    stop.throwIfAborted();
    if (fault === undefined) {
      tell(`${provider} answers: live candles, without a key.`);
      return { source: 'live', provider };
    }
    tell(`${provider} does not answer (${fault}).`);
  }
  if (asked !== 'auto') {
    throw new BadInputError(
      `None of ${LIVE.join(', ')} answers from here. Check the network, or start with --source replay.`,
    );
  }
  tell('No exchange answers: you are offline. Showing a simulated market instead; its candles are made up.');
  return { source: 'replay', seed: DEFAULT_SEED };
}

/** Why a provider does not answer; nothing when it does. */
async function faultOf(
  open: SourceQuestion['openSource'],
  provider: string,
  stop: AbortSignal,
): Promise<string | undefined> {
  try {
    const source = await open(provider, TRY_MS);
    await source.ping(stop).finally(() => source.close());
    return undefined;
  } catch (thrown) {
    return asFleetError(thrown).message;
  }
}
