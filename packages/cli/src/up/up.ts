import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { BadInputError, systemClock } from '@candlefleet/core';
import {
  connectDatabase,
  createBudget,
  createMarketCache,
  migrateDatabase,
  ownFolder,
  startEmbeddedPostgres,
  type Database,
  type EmbeddedPostgres,
} from '@candlefleet/db';
import { openSource, providerTraits } from '@candlefleet/providers';
import { createRequestGate } from '@candlefleet/worker';
import getPort from 'get-port';
import type { CommandContext } from '../commands/context.js';
import type { Settings } from '../environment.js';
import { DASHBOARD_PORT } from '../roles/run-dashboard.js';
import { showProgress } from './show-progress.js';
import { removeRunFile, writeRunFile } from './run-file.js';
import { seedWatchlist } from './seed-watchlist.js';
import { chooseSource, type SourceChoice, type SourceFlags } from './source-choice.js';
import { createSupervisor, type Supervisor } from './supervise.js';

export interface UpFlags extends SourceFlags {
  readonly fault: readonly string[];
  readonly faults?: string | undefined;
}

const HOST = '127.0.0.1';
const WATCH_MS = 1_000;
/** On top of what the roles allow themselves, before they are killed. */
const PATIENCE_MS = 5_000;

/**
 * The whole fleet on this machine: embedded Postgres (or DATABASE_URL), migrations, a watchlist when there is none,
 * and producer, workers and dashboard as separate supervised processes. Answers the exit code, after Ctrl-C.
 */
export async function up(context: CommandContext, flags: UpFlags): Promise<number> {
  const { settings, output } = context;
  const startedAt = performance.now();
  mkdirSync(settings.dataDir, { recursive: true });
  const owned = ownFolder(settings.dataDir);
  const stopped = untilStopped();
  const logs = path.join(settings.dataDir, 'logs');
  const supervisor = createSupervisor(logs, (line) => output.note(line));
  let embedded: EmbeddedPostgres | undefined;
  let db: Database | undefined;
  try {
    const dashboardPort = await chooseDashboardPort(settings);
    embedded = settings.databaseUrl ? undefined : await startPostgres(context);
    const databaseUrl = settings.databaseUrl ?? embedded?.url ?? '';
    await migrateDatabase(databaseUrl);
    db = connectDatabase({ url: databaseUrl, applicationName: 'candlefleet up', poolSize: 2 });

    const choice = await chooseSource(settings, flags, (line) => output.note(line));
    const env = envOf({ settings, databaseUrl, dashboardPort });
    const replayUrl =
      choice.source === 'replay' ? await startReplay(supervisor, choice, flags, env) : undefined;
    if (replayUrl) env['PROVIDER_BASE_URL_REPLAY'] = replayUrl;
    await seed(context, db, choice, replayUrl);

    const workers = Array.from({ length: settings.upWorkers }, (_, index) => `worker-${index + 1}`);
    await Promise.all([
      supervisor.start({ name: 'producer', args: ['producer'], env }),
      supervisor.start({ name: 'dashboard', args: ['dashboard'], env }),
      ...workers.map((name) => supervisor.start({ name, args: ['worker'], env })),
    ]);
    const dashboardUrl = `http://${HOST}:${dashboardPort}`;
    writeRunFile(settings.dataDir, {
      pid: process.pid,
      startedAt: new Date().toISOString(),
      databaseUrl,
      redisUrl: settings.redisUrl,
      dashboardUrl,
      replayUrl,
      logs,
    });
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    output.line(`candlefleet is ready (${seconds} s). Ctrl-C ends it.`);
    output.line(`  Dashboard: ${dashboardUrl}/queues`);
    if (replayUrl) output.line(`  Replaying: ${describe(choice)} at ${replayUrl}`);
    output.line(`  Logs:      ${logs}`);
    output.line('  Look:      npx candlefleet status');

    const watch = embedded ? watchPostgres(embedded, (line) => output.note(line)) : undefined;
    await Promise.race([stopped, showProgress(output, db, stopped)]);
    await stopped;
    clearInterval(watch);
    return (await end(context, supervisor)) ? 0 : 1;
  } finally {
    await supervisor.stop(supervisor.names, settings.shutdownMs + PATIENCE_MS);
    await db?.close();
    await embedded?.close();
    removeRunFile(settings.dataDir);
    owned.release();
  }
}

/** Resolves at the first Ctrl-C or SIGTERM. */
function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve());
  });
}

async function chooseDashboardPort({ dashboardPort }: Settings): Promise<number> {
  if (dashboardPort === undefined) return getPort({ port: DASHBOARD_PORT, host: HOST });
  if ((await getPort({ port: dashboardPort, host: HOST })) === dashboardPort) return dashboardPort;
  throw new BadInputError(
    `Port ${dashboardPort} (DASHBOARD_PORT) is in use. Name a free one, or none at all.`,
  );
}

async function startPostgres({ settings, output }: CommandContext): Promise<EmbeddedPostgres> {
  const embedded = await startEmbeddedPostgres({ dataDir: settings.dataDir });
  output.line(
    `Postgres ${embedded.adopted ? 'was still running, and is adopted' : 'is up'}: port ${embedded.port}, files in ${embedded.folder}`,
  );
  return embedded;
}

function envOf(fleet: { settings: Settings; databaseUrl: string; dashboardPort: number }): NodeJS.ProcessEnv {
  return {
    ...process.env,
    DATABASE_URL: fleet.databaseUrl,
    CANDLEFLEET_DATA_DIR: fleet.settings.dataDir,
    DASHBOARD_PORT: String(fleet.dashboardPort),
  };
}

async function startReplay(
  supervisor: Supervisor,
  choice: Extract<SourceChoice, { source: 'replay' }>,
  flags: UpFlags,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  // The port is fixed here, so that a replay server that is started again answers where the workers ask.
  const port = await getPort({ host: HOST });
  const args = ['replay', '--port', String(port), '--seed', String(choice.seed)];
  if (choice.recordings) args.push('--recordings', choice.recordings);
  if (flags.faults) args.push('--faults', flags.faults);
  for (const fault of flags.fault) args.push('--fault', fault);
  await supervisor.start({ name: 'replay', args, env });
  return `http://${HOST}:${port}`;
}

async function seed(
  context: CommandContext,
  db: Database,
  choice: SourceChoice,
  replayUrl: string | undefined,
): Promise<void> {
  const { settings, output, log } = context;
  const budget = createBudget(db, settings.egressGroup);
  const isNew = await seedWatchlist({
    db,
    choice,
    replayUrl,
    actor: 'up',
    openSource: (provider) =>
      openSource(provider, {
        gate: createRequestGate(budget, providerTraits(provider), log),
        markets: createMarketCache(db),
        ...settings.provider(provider),
        ...(provider === 'replay' ? { baseUrl: replayUrl } : {}),
        clock: systemClock,
      }),
  });
  if (isNew) output.line('A first watchlist is written: npx candlefleet symbols list');
}

function describe(choice: SourceChoice): string {
  if (choice.source === 'live') return choice.provider;
  return choice.recordings
    ? `the recordings of ${choice.recordings}`
    : 'a simulated market (its candles are made up)';
}

/** The embedded server is a part that can die like any other: it is brought up again where it was. */
function watchPostgres(embedded: EmbeddedPostgres, tell: (line: string) => void): NodeJS.Timeout {
  return setInterval(() => {
    embedded
      .revive()
      .then((wasDead) => {
        if (wasDead) tell('Postgres had ended; it is up again.');
      })
      .catch((error: unknown) => tell(String(error)));
  }, WATCH_MS);
}

/** Those who work first, then what they stand on. */
async function end({ settings, output }: CommandContext, supervisor: Supervisor): Promise<boolean> {
  output.note('\nStopping: chunks in hand are finished, the rest is handed back.');
  const deadlineMs = settings.shutdownMs + PATIENCE_MS;
  const workers = supervisor.names.filter((name) => name !== 'replay');
  const areClean = await supervisor.stop(workers, deadlineMs);
  const isReplayClean = await supervisor.stop(supervisor.names, deadlineMs);
  output.note(
    areClean && isReplayClean ? 'Stopped.' : 'Stopped, but not everything ended by itself: see the logs.',
  );
  return areClean && isReplayClean;
}
