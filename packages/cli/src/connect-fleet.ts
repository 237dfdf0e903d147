import { createRequire } from 'node:module';
import { systemClock, type CandleSource, type RequestGate } from '@candlefleet/core';
import {
  connectDatabase,
  createBudget,
  createMarketCache,
  migrateDatabase,
  type Database,
} from '@candlefleet/db';
import { openSource, providerTraits } from '@candlefleet/providers';
import { connectQueues, type QueueConnection } from '@candlefleet/queue';
import { createRequestGate } from '@candlefleet/worker';
import type { Logger } from 'pino';
import type { Settings } from './environment.js';
import { NotRunningError } from './errors.js';
import { readRunFile } from './up/run-file.js';

const { version }: { version: string } = createRequire(import.meta.url)('../package.json');
export const VERSION = version;

export interface FleetPlace {
  readonly databaseUrl: string;
  /** The same, or the server behind it where it is a pooler. */
  readonly directUrl: string;
  readonly redisUrl: string | undefined;
}

/** Where a command finds the fleet: the environment's servers, or those of the `up` that runs in the data folder. */
export function locateFleet(settings: Settings): FleetPlace {
  const { databaseUrl, databaseDirectUrl: directUrl = databaseUrl, redisUrl } = settings;
  if (databaseUrl && directUrl) return { databaseUrl, directUrl, redisUrl };
  const run = readRunFile(settings.dataDir);
  if (!run) throw new NotRunningError(settings.dataDir);
  return {
    databaseUrl: run.databaseUrl,
    directUrl: run.directUrl ?? run.databaseUrl,
    redisUrl: run.redisUrl,
  };
}

/** The warehouse of the fleet that this command is for. @throws NotRunningError */
export function openWarehouse(
  settings: Settings,
  applicationName: string,
  limits: { poolSize?: number; deadlineMs?: number } = {},
): Database {
  const { databaseUrl: url, directUrl } = locateFleet(settings);
  return connectDatabase({ url, directUrl, applicationName, poolSize: 2, ...limits });
}

/** Brings the fleet's database to this program's schema. @throws as migrateDatabase */
export function migrateFleet(settings: Settings): Promise<void> {
  const { databaseUrl, directUrl } = locateFleet(settings);
  return migrateDatabase(directUrl, { isPooled: directUrl !== databaseUrl });
}

export function openQueues(
  settings: Settings,
  role: string,
  log: Logger,
  signal?: AbortSignal,
): Promise<QueueConnection> {
  const { directUrl: databaseUrl, redisUrl } = locateFleet(settings);
  return connectQueues({
    databaseUrl,
    redisUrl,
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

/** What a command that asks providers needs. */
export interface SourceFleet {
  readonly settings: Settings;
  readonly db: Database;
  readonly log: Logger;
}

/** A provider for this process, which pays from the fleet's budget like everyone. Whoever opens it closes it. */
export function openFleetSource(
  { settings, db, log }: SourceFleet,
  provider: string,
  more: { baseUrl?: string | undefined; timeoutMs?: number; patienceMs?: number } = {},
): Promise<CandleSource> {
  const known = settings.provider(provider);
  const budget = createBudget(db, settings.egressGroup);
  const gate = createRequestGate(budget, providerTraits(provider), log, more.patienceMs);
  return openSource(provider, {
    gate,
    markets: createMarketCache(db),
    ...known,
    baseUrl: more.baseUrl ?? known.baseUrl,
    timeoutMs: more.timeoutMs,
    clock: systemClock,
  });
}

/** A person rather waits than comes again, while the fleet uses up a small budget. */
const PERSON_PATIENCE_MS = 30_000;

/** A provider for one command; replay is that of the `up` that runs. */
export async function withSource<T>(
  fleet: SourceFleet,
  provider: string,
  work: (source: CandleSource) => Promise<T>,
): Promise<T> {
  const { settings } = fleet;
  const isReplay = provider === 'replay' && settings.provider(provider).baseUrl === undefined;
  const baseUrl = isReplay ? readRunFile(settings.dataDir)?.replayUrl : undefined;
  const source = await openFleetSource(fleet, provider, { baseUrl, patienceMs: PERSON_PATIENCE_MS });
  try {
    return await work(source);
  } finally {
    await source.close();
  }
}
