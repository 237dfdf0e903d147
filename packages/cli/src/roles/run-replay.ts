import { readFileSync } from 'node:fs';
import { BadInputError } from '@candlefleet/core';
import {
  createSimulatedMarket,
  faultPlanSchema,
  openRecordings,
  parseFaultFlag,
  SIMULATED_SYMBOLS,
  simulatedSymbols,
  startReplayServer,
  type FaultPlan,
} from '@candlefleet/providers';
import { z } from 'zod';
import type { Settings } from '../environment.js';
import { runRole } from './run-role.js';

export interface ReplayFlags {
  readonly port?: number | undefined;
  readonly recordings?: string | undefined;
  readonly seed: number;
  readonly symbols?: readonly string[] | undefined;
  readonly symbolCount?: number | undefined;
  readonly faults?: string | undefined;
  readonly fault: readonly string[];
  readonly weightLimit?: number | undefined;
}

export function runReplay(settings: Settings, flags: ReplayFlags): Promise<void> {
  return runRole(settings, 'replay', async () => {
    const market = flags.recordings
      ? await openRecordings(flags.recordings)
      : createSimulatedMarket({ seed: flags.seed, symbols: symbolsOf(flags) });
    if (market.series.length === 0)
      throw new BadInputError(`The recordings of ${flags.recordings ?? ''} hold no candle.`);
    const { port, weightLimit } = flags;
    const server = await startReplayServer({ market, port, weightLimit, faults: readFaults(flags) });
    return { ready: { url: server.url, series: market.series.length }, close: () => server.close() };
  });
}

function symbolsOf({ symbols, symbolCount }: ReplayFlags): readonly string[] {
  if (symbols && symbolCount) throw new BadInputError('Give either --symbols or --symbol-count.');
  if (symbolCount) return simulatedSymbols(symbolCount);
  return symbols ?? SIMULATED_SYMBOLS;
}

/** The faults of file and flags together. @throws BadInputError */
export function readFaults({
  faults: file,
  fault: flags,
  seed,
}: Pick<ReplayFlags, 'faults' | 'fault' | 'seed'>): FaultPlan {
  const plan: FaultPlan = file ? readPlan(file) : { seed, faults: [] };
  return { ...plan, faults: [...plan.faults, ...flags.map(parseFaultFlag)] };
}

function readPlan(file: string): FaultPlan {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new BadInputError(`--faults ${file}: no readable JSON file.`, cause);
  }
  const parsed = faultPlanSchema.safeParse(json);
  if (!parsed.success) throw new BadInputError(`--faults ${file}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
