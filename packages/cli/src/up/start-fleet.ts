import { BadInputError } from '@candlefleet/core';
import {
  connectDatabase,
  migrateDatabase,
  startEmbeddedPostgres,
  type Database,
  type EmbeddedPostgres,
} from '@candlefleet/db';
import getPort from 'get-port';
import type { CommandContext } from '../commands/context.js';
import { openFleetSource } from '../connect-fleet.js';
import { DASHBOARD_PORT, type Settings } from '../environment.js';
import { seedWatchlist } from './seed-watchlist.js';
import { chooseSource, keepSource, type SourceChoice, type SourceFlags } from './source-choice.js';
import { unlessStopped } from './stop-signal.js';
import type { Supervisor } from './supervise.js';

export interface UpFlags extends SourceFlags {
  readonly fault: readonly string[];
  readonly faults?: string | undefined;
}

export interface FleetStart {
  readonly context: CommandContext;
  readonly flags: UpFlags;
  /** A person does not want it any more: the start rejects at its next step. */
  readonly stop: AbortSignal;
  readonly supervisor: Supervisor;
  /** Takes what is to be closed, whether the start succeeds or not; last come, first closed. */
  readonly onClose: (close: () => unknown) => void;
}

export interface RunningFleet {
  readonly db: Database;
  readonly databaseUrl: string;
  readonly dashboardUrl: string;
  readonly replayUrl: string | undefined;
  readonly choice: SourceChoice;
}

const HOST = '127.0.0.1';
const WATCH_MS = 1_000;
/** A start that takes longer than this says what it waits for. */
const TELL_WAITING_MS = 5_000;

/** Database, migrations, source, watchlist, processes, one after the other. */
export async function startFleet(start: FleetStart): Promise<RunningFleet> {
  const { context, flags, stop, onClose } = start;
  const { settings, output } = context;
  await refuseTakenPort(settings);
  const databaseUrl = settings.databaseUrl ?? (await startPostgres(start)).url;
  stop.throwIfAborted();
  const directUrl = settings.databaseDirectUrl;
  await unlessStopped(stop, migrateDatabase(directUrl ?? databaseUrl, { isPooled: directUrl !== undefined }));
  const db = connectDatabase({
    url: databaseUrl,
    directUrl,
    applicationName: 'candlefleet up',
    poolSize: 2,
  });
  onClose(() => db.close());

  const choice = await chooseSource({
    settings,
    flags,
    stop,
    tell: (line) => output.note(line),
    openSource: (provider, timeoutMs) => openFleetSource({ ...context, db }, provider, { timeoutMs }),
  });
  if (choice.source === 'live' && (flags.faults ?? flags.fault[0]) !== undefined)
    throw new BadInputError('--fault and --faults strike a replay server: they go with --source replay.');
  const env = envOf({ settings, databaseUrl });
  const replayUrl = choice.source === 'replay' ? await startReplay(start, choice, env) : undefined;
  if (replayUrl) env['PROVIDER_BASE_URL_REPLAY'] = replayUrl;
  keepSource(settings.dataDir, choice);
  const isNew = await unlessStopped(
    stop,
    seedWatchlist({
      db,
      choice,
      actor: 'up',
      openSource: (provider) =>
        openFleetSource(
          { ...context, db },
          provider,
          provider === 'replay' ? { baseUrl: replayUrl } : undefined,
        ),
    }),
  );
  if (isNew) output.line('A first watchlist is written: npx candlefleet symbols list');
  const dashboardUrl = await startProcesses(start, env);
  return { db, databaseUrl, dashboardUrl, replayUrl, choice };
}

/** Before anything is started for it. */
async function refuseTakenPort({ dashboardPort: port }: Settings): Promise<void> {
  if (port !== undefined && (await getPort({ port, host: HOST })) !== port)
    throw new BadInputError(`Port ${port} (DASHBOARD_PORT) is in use. Name a free one, or none at all.`);
}

/** Answers its URL. */
async function startDashboard({ context, supervisor }: FleetStart, env: NodeJS.ProcessEnv): Promise<string> {
  for (;;) {
    const port = context.settings.dashboardPort ?? (await getPort({ port: DASHBOARD_PORT, host: HOST }));
    try {
      const withPort = { ...env, DASHBOARD_PORT: String(port) };
      await supervisor.start({ name: 'dashboard', args: ['dashboard'], env: withPort });
      return `http://${HOST}:${port}`;
    } catch (thrown) {
      // A fleet that starts at the same moment may have taken it since; getPort names it no more.
      const isTaken = thrown instanceof BadInputError && thrown.message.includes(`Port ${port} is in use`);
      if (!isTaken || context.settings.dashboardPort !== undefined) throw thrown;
    }
  }
}

async function startPostgres({ context, onClose }: FleetStart): Promise<EmbeddedPostgres> {
  const { settings, output } = context;
  const embedded = await startEmbeddedPostgres({ dataDir: settings.dataDir });
  onClose(() => embedded.close());
  output.line(
    `Postgres ${embedded.adopted ? 'was still running, and is adopted' : 'is up'}: port ${embedded.port}, files in ${embedded.folder}`,
  );
  const watch = watchPostgres(embedded, (line) => output.note(line));
  onClose(() => clearInterval(watch));
  return embedded;
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

function envOf(fleet: { settings: Settings; databaseUrl: string }): NodeJS.ProcessEnv {
  return {
    ...process.env,
    DATABASE_URL: fleet.databaseUrl,
    CANDLEFLEET_DATA_DIR: fleet.settings.dataDir,
    // Several on one machine: each takes a free one, and tells where.
    HEALTH_PORT: '0',
  };
}

async function startReplay(
  { supervisor, flags, stop }: FleetStart,
  choice: Extract<SourceChoice, { source: 'replay' }>,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  // The port is fixed here, so that a replay server that is started again answers where the workers ask.
  const port = await getPort({ host: HOST });
  const args = ['replay', '--port', String(port), '--seed', String(choice.seed)];
  if (choice.recordings) args.push('--recordings', choice.recordings);
  if (flags.faults) args.push('--faults', flags.faults);
  for (const fault of flags.fault) args.push('--fault', fault);
  await unlessStopped(stop, supervisor.start({ name: 'replay', args, env }));
  return `http://${HOST}:${port}`;
}

/** Answers the dashboard's URL. */
async function startProcesses(start: FleetStart, env: NodeJS.ProcessEnv): Promise<string> {
  const { supervisor, stop } = start;
  const { settings, output } = start.context;
  const workers = Array.from({ length: settings.upWorkers }, (_, index) => `worker-${index + 1}`);
  const starting = Promise.all([
    startDashboard(start, env),
    supervisor.start({ name: 'producer', args: ['producer'], env }),
    ...workers.map((name) => supervisor.start({ name, args: ['worker'], env })),
  ]);
  const waiting = setInterval(() => {
    for (const { name, lastWords } of supervisor.starting)
      output.note(`Still starting: ${name}${lastWords ? ` (${lastWords})` : ''}`);
  }, TELL_WAITING_MS);
  try {
    const [dashboardUrl] = await unlessStopped(stop, starting);
    return dashboardUrl;
  } finally {
    clearInterval(waiting);
  }
}
