import { mkdirSync, mkdtempSync, rmSync, writeFileSync, chmodSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { connectDatabase, migrateDatabase, type Database } from '@candlefleet/db';
import {
  createSimulatedMarket,
  startReplayServer,
  type ReplayMarket,
  type ReplayServer,
} from '@candlefleet/providers';
import { freePort, startRedis, startWire, type TestRedis, type Wire } from '@candlefleet/testing';
import { createCharges, type Charges } from './charges.js';
import { startPostgres, type PostgresServer } from './postgres-server.js';
import { controlProvider, type ProviderControl } from './provider-control.js';
import { createProcesses, type FleetProcess, type Processes, type Role } from './processes.js';
import { mountSmallDisk, type SmallDisk } from './small-disk.js';

export type BackendName = 'redis' | 'postgres';

export interface StageOptions {
  readonly backend: BackendName;
  readonly seed: number;
  readonly workers: number;
  readonly producers: number;
  readonly symbols: readonly string[];
  /** How long it is made for: its disk has room for what is stored meanwhile. */
  readonly minutes: number;
  /** Where logs are kept; absent: they go with the rest. */
  readonly logFolder?: string | undefined;
}

/** The wires of one process, each a proxy of ours. */
export interface Wires {
  readonly postgres: Wire;
  readonly redis: Wire | undefined;
  readonly provider: Wire;
}

/** A fleet of real processes with everything around them under control. */
export interface Stage {
  readonly options: StageOptions;
  readonly backend: BackendName;
  /** Our own way to the warehouse, past all wires. */
  readonly db: Database;
  readonly postgres: PostgresServer;
  readonly redis: TestRedis | undefined;
  readonly provider: ReplayServer;
  readonly control: ProviderControl;
  readonly market: ReplayMarket;
  readonly disk: SmallDisk | undefined;
  readonly processes: Processes;
  readonly charges: Charges;
  readonly dashboardUrl: string;
  readonly namespace: string;
  readonly logFolder: string;
  /** Of the embedded server or of the processes: for what is started besides. */
  readonly env: NodeJS.ProcessEnv;
  wiresOf(one: FleetProcess): Wires;
  /** Bends the wall clock of one process. */
  bendClock(one: FleetProcess, offsetMs: number): void;
  close(): Promise<void>;
}

/** Jobs that a worker has in hand at once. */
export const WORKER_SLOTS = 4;
const LEASE_SECONDS = 2;
/** A page takes this long, so that work is always under way somewhere. */
const PAGE_LATENCY_MS = 400;
const NAMESPACE = 'chaos';

export async function openStage(options: StageOptions): Promise<Stage> {
  const { backend, seed } = options;
  const folder = mkdtempSync(path.join(os.tmpdir(), 'candlefleet-chaos-'));
  // The server's own user must get in.
  chmodSync(folder, 0o755);
  const logFolder = options.logFolder ?? path.join(folder, 'logs');
  mkdirSync(logFolder, { recursive: true });
  const disk = mountSmallDisk(path.join(folder, 'disk'), options.minutes);
  const postgres = await startPostgres(disk?.folder ?? path.join(folder, 'data'));
  const redis =
    backend === 'redis'
      ? await startRedis(
          '--appendonly',
          'yes',
          '--appendfsync',
          'everysec',
          '--maxmemory-policy',
          'noeviction',
        )
      : undefined;
  await migrateDatabase(postgres.url);
  const market = createSimulatedMarket({ seed, symbols: options.symbols });
  const provider = await startReplayServer({ market, faults: pace(seed) });
  const db = connectDatabase({
    url: postgres.url,
    applicationName: 'chaos',
    poolSize: 4,
    deadlineMs: 30_000,
  });
  const processes = createProcesses(logFolder);
  const charges = createCharges(path.join(folder, 'charges'));
  const wires = new Map<FleetProcess, Wires>();
  const clockFile = (name: string) => path.join(folder, `${name}.clock`);
  const dashboardPort = await freePort();
  const env: NodeJS.ProcessEnv = {
    QUEUE_NAMESPACE: NAMESPACE,
    LEASE_SECONDS: String(LEASE_SECONDS),
    UPKEEP_SECONDS: '1',
    SYNC_SECONDS: '5',
    WORKER_CONCURRENCY: String(WORKER_SLOTS),
    SHUTDOWN_SECONDS: '10',
    LOG_LEVEL: 'info',
  };

  async function add(name: string, role: Role): Promise<void> {
    const own: Wires = {
      postgres: await startWire(postgres.url),
      redis: redis && (await startWire(redis.url)),
      provider: await startWire(provider.url),
    };
    const one = processes.add(name, role, {
      ...env,
      ...(role === 'worker' ? charges.env : {}),
      CHAOS_CLOCK: clockFile(name),
      DATABASE_URL: own.postgres.url,
      REDIS_URL: own.redis?.url ?? '',
      PROVIDER_BASE_URL_REPLAY: own.provider.url,
      DASHBOARD_PORT: String(dashboardPort),
    });
    wires.set(one, own);
  }
  for (let n = 1; n <= options.producers; n += 1) await add(`producer-${n}`, 'producer');
  for (let n = 1; n <= options.workers; n += 1) await add(`worker-${n}`, 'worker');
  await add('dashboard', 'dashboard');

  return {
    options,
    backend,
    db,
    postgres,
    redis,
    provider,
    control: controlProvider(provider.url),
    market,
    disk,
    processes,
    charges,
    dashboardUrl: `http://127.0.0.1:${dashboardPort}`,
    namespace: NAMESPACE,
    logFolder,
    env,
    wiresOf(one) {
      const own = wires.get(one);
      if (!own) throw new Error(`${one.name} has no wires`);
      return own;
    },
    bendClock: (one, offsetMs) => writeFileSync(clockFile(one.name), String(offsetMs)),
    async close() {
      await processes.close();
      await db.close();
      for (const own of wires.values())
        await Promise.all([own.postgres.close(), own.redis?.close(), own.provider.close()]);
      await provider.close();
      await redis?.stop();
      await postgres.close();
      disk?.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What the provider does when it does nothing wrong. */
export function pace(seed: number) {
  return { seed, faults: [{ kind: 'latency' as const, rate: 1, delayMs: PAGE_LATENCY_MS }] };
}
