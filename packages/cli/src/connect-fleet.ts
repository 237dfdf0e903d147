import { createRequire } from 'node:module';
import { systemClock, type CandleSource, type RequestGate } from '@candlefleet/core';
import { connectDatabase, createBudget, createMarketCache, type Database } from '@candlefleet/db';
import { openSource, providerTraits } from '@candlefleet/providers';
import { connectQueues, type QueueConnection } from '@candlefleet/queue';
import { createRequestGate } from '@candlefleet/worker';
import type { Logger } from 'pino';
import type { Settings } from './environment.js';
import { NotRunningError } from './errors.js';
import { readRunFile } from './up/run-file.js';

const { version }: { version: string } = createRequire(import.meta.url)('../package.json');
export const VERSION = version;

/** Where a command finds the fleet: the environment's servers, or those of the `up` that runs in the data folder. */
export function locateFleet(settings: Settings): { databaseUrl: string; redisUrl: string | undefined } {
  if (settings.databaseUrl) return { databaseUrl: settings.databaseUrl, redisUrl: settings.redisUrl };
  const run = readRunFile(settings.dataDir);
  if (!run) throw new NotRunningError(settings.dataDir);
  return { databaseUrl: run.databaseUrl, redisUrl: run.redisUrl };
}

/** The warehouse of the fleet that this command is for. @throws NotRunningError */
export function openWarehouse(settings: Settings, role: string, poolSize = 2): Database {
  return connectDatabase({
    url: locateFleet(settings).databaseUrl,
    applicationName: `candlefleet ${role}`,
    poolSize,
  });
}

export function openQueues(
  settings: Settings,
  role: string,
  log: Logger,
  signal?: AbortSignal,
): Promise<QueueConnection> {
  return connectQueues({
    ...locateFleet(settings),
    namespace: settings.queueNamespace,
    allowEvictingRedis: settings.allowEvictingRedis,
    applicationName: `candlefleet ${role}`,
    log,
    signal,
  });
}

/** Opens providers as the settings say: their base URLs and keys. */
export function sourceOpener(settings: Settings, db: Database) {
  const markets = createMarketCache(db);
  return (provider: string, gate: RequestGate): Promise<CandleSource> =>
    openSource(provider, { gate, markets, ...settings.provider(provider) });
}

/** A provider for one command, which pays from the fleet's budget like everyone. */
export async function withSource<T>(
  fleet: { settings: Settings; db: Database; log: Logger },
  provider: string,
  work: (source: CandleSource) => Promise<T>,
): Promise<T> {
  const { settings, db, log } = fleet;
  const run = readRunFile(settings.dataDir);
  const known = settings.provider(provider);
  const baseUrl = known.baseUrl ?? (provider === 'replay' ? run?.replayUrl : undefined);
  const gate = createRequestGate(createBudget(db, settings.egressGroup), providerTraits(provider), log);
  const source = await openSource(provider, {
    gate,
    markets: createMarketCache(db),
    ...known,
    baseUrl,
    clock: systemClock,
  });
  try {
    return await work(source);
  } finally {
    await source.close();
  }
}
