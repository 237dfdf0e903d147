import { asFleetError } from '@candlefleet/core';
import { Command, CommanderError } from 'commander';
import { pino } from 'pino';
import { backfill } from './commands/backfill.js';
import { actorName, type CommandContext } from './commands/context.js';
import { doctor } from './commands/doctor.js';
import { cancel, printExecution, printExecutions, retry } from './commands/executions.js';
import { exportCandles } from './commands/export.js';
import { migrate } from './commands/migrate.js';
import { reset } from './commands/reset.js';
import { printStatus } from './commands/status.js';
import { addSymbol, findSymbols, listSymbols, removeSymbol, setActive } from './commands/symbols.js';
import { printUrl } from './commands/url.js';
import { VERSION } from './connect-fleet.js';
import { readSettings } from './environment.js';
import { EXIT, exitCodeOf } from './errors.js';
import { runDashboard } from './roles/run-dashboard.js';
import { runProducer } from './roles/run-producer.js';
import { runReplay } from './roles/run-replay.js';
import { runWorker } from './roles/run-worker.js';
import { createOutput } from './terminal/output.js';
import {
  parseCount,
  parseInstant,
  parseSymbol,
  parseTimeframe,
  parseTimeframes,
} from './terminal/parse-flags.js';
import { up } from './up/up.js';

interface GlobalFlags {
  readonly dataDir?: string;
  readonly json?: boolean;
}

const program = new Command('candlefleet')
  .description('Keeps a warehouse of market-data candles complete and trustworthy.')
  .version(VERSION)
  .option(
    '--data-dir <folder>',
    'where the embedded Postgres and the logs are (CANDLEFLEET_DATA_DIR, else .candlefleet)',
  )
  .option('--json', 'one JSON value for programs, in place of text')
  .showHelpAfterError('(--help tells more)')
  .exitOverride();

const collect = (value: string, before: string[]) => [...before, value];

/** A command of a person's: it ends, with an exit code. */
function run<A extends unknown[]>(work: (context: CommandContext, ...args: A) => Promise<number | void>) {
  return async (...args: [...A, unknown, Command]) => {
    const flags = program.opts<GlobalFlags>();
    const context: CommandContext = {
      settings: readSettings(process.env, flags.dataDir),
      output: createOutput(flags.json ?? false),
      log: pino({ level: 'silent' }),
      actor: actorName(),
    };
    // Commander hands over arguments, then the options, then itself.
    const own = args.slice(0, -1) as unknown as A;
    process.exitCode = (await work(context, ...own)) ?? 0;
  };
}

const settings = () => readSettings(process.env, program.opts<GlobalFlags>().dataDir);

program
  .command('up')
  .description('start everything on this machine: Postgres, producer, workers, dashboard')
  .option('--source <source>', 'auto, live or replay; chosen once and kept')
  .option('--recordings <folder>', 'replay real candles from files, in place of the simulated market')
  .option('--seed <number>', 'of the simulated market', parseCount('--seed'))
  .option('--faults <file>', 'a fault plan for the replay server')
  .option('--fault <fault>', 'kind[:rate[:value]], such as latency:0.2:300', collect, [])
  .action(run((context, flags: Parameters<typeof up>[1]) => up(context, flags)));

program
  .command('migrate')
  .description("bring the database to this program's schema")
  .action(run((context) => migrate(context)));
program
  .command('producer')
  .description('run a producer: plans, schedules, takes back what was left behind')
  .action(() => runProducer(settings()));
program
  .command('worker')
  .description('run a worker')
  .action(() => runWorker(settings()));
program
  .command('dashboard')
  .description('run the dashboard')
  .action(() => runDashboard(settings()));

program
  .command('replay')
  .description("run a server that speaks Binance's wire format over recordings or a simulated market")
  .option('--port <port>', 'default: a free one', parseCount('--port'))
  .option('--recordings <folder>', 'a folder with recordings.json')
  .option('--seed <number>', 'of the simulated market and of the faults', parseCount('--seed'), 1)
  .option('--symbols <list>', 'of the simulated market, such as BTC/USDT,ETH/USDT', (text) =>
    text.split(',').map((one) => parseSymbol(one.trim())),
  )
  .option('--faults <file>', 'a fault plan')
  .option('--fault <fault>', 'kind[:rate[:value]], such as latency:0.2:300', collect, [])
  .option('--weight-limit <weight>', 'request weight a minute', parseCount('--weight-limit'))
  .action((flags) => runReplay(settings(), flags));

const symbols = program.command('symbols').description('the watchlist');
const provider = ['--provider <id>', 'replay, or an exchange by its ccxt id, such as binance'] as const;
symbols
  .command('add <symbol>')
  .description('track a symbol, or further timeframes of it')
  .requiredOption(...provider)
  .requiredOption('--timeframes <list>', 'such as 1m,1h')
  .option('--from <date>', 'where its history starts, or all', 'all')
  .option('--to <date>', 'where its history ends; without it, it goes on')
  .action(
    run(
      (context, symbol: string, flags: { provider: string; timeframes: string; from: string; to?: string }) =>
        addSymbol(context, {
          provider: flags.provider,
          symbol: parseSymbol(symbol),
          timeframes: parseTimeframes(flags.timeframes),
          fromMs: flags.from === 'all' ? 'all' : parseInstant('--from', flags.from),
          toMs: flags.to === undefined ? undefined : parseInstant('--to', flags.to),
        }),
    ),
  );
symbols
  .command('find <query>')
  .description("look for a symbol in a provider's list")
  .requiredOption(...provider)
  .action(
    run((context, query: string, flags: { provider: string }) => findSymbols(context, flags.provider, query)),
  );
symbols
  .command('remove <symbol>')
  .description('stop tracking a symbol; its candles stay')
  .requiredOption(...provider)
  .action(
    run((context, symbol: string, flags: { provider: string }) =>
      removeSymbol(context, flags.provider, parseSymbol(symbol)),
    ),
  );
for (const [name, active] of [
  ['pause', false],
  ['resume', true],
] as const) {
  symbols
    .command(`${name} <symbol>`)
    .description(active ? 'fetch a paused symbol again' : 'fetch nothing of a symbol until it is resumed')
    .requiredOption(...provider)
    .action(
      run((context, symbol: string, flags: { provider: string }) =>
        setActive(context, { provider: flags.provider, symbol: parseSymbol(symbol) }, active),
      ),
    );
}
symbols
  .command('list')
  .description('what is tracked')
  .action(run((context) => listSymbols(context)));

program
  .command('backfill')
  .description("fetch what is missing of a stretch, before the rest of its series' history")
  .requiredOption('--symbol <symbol>')
  .requiredOption('--timeframe <timeframe>')
  .requiredOption('--from <date>')
  .option('--to <date>', 'default: now')
  .option('--provider <id>', 'where several have the series')
  .option('--dry-run', 'tell candles, requests and time to expect, and do nothing')
  .option('--wait', 'stay until it is done')
  .action(
    run(
      (
        context,
        flags: {
          symbol: string;
          timeframe: string;
          from: string;
          to?: string;
          provider?: string;
          dryRun?: boolean;
          wait?: boolean;
        },
      ) =>
        backfill(context, {
          symbol: parseSymbol(flags.symbol),
          timeframe: parseTimeframe(flags.timeframe),
          provider: flags.provider,
          fromMs: parseInstant('--from', flags.from),
          toMs: flags.to === undefined ? Date.now() : parseInstant('--to', flags.to),
          dryRun: flags.dryRun ?? false,
          wait: flags.wait ?? false,
        }),
    ),
  );

const executions = program.command('executions').description('units of backfill work');
executions
  .command('list')
  .description('the newest executions')
  .option('--active', 'pending and in progress only')
  .option('--status <status>')
  .option('--limit <count>', 'at most', parseCount('--limit'), 50)
  .action(
    run((context, flags: { active?: boolean; status?: string; limit: number }) =>
      printExecutions(context, flags),
    ),
  );
executions
  .command('show <id>')
  .description('one execution and its attempts')
  .action(run((context, id: string) => printExecution(context, id)));
executions
  .command('retry <id...>')
  .description('run failed ones again')
  .action(run((context, ids: string[]) => retry(context, ids)));
executions
  .command('cancel <id...>')
  .description('give up on what is pending or in progress')
  .action(run((context, ids: string[]) => cancel(context, ids)));

program
  .command('status')
  .description('how complete the warehouse is')
  .action(run((context) => printStatus(context)));
program
  .command('export <symbol> <timeframe>')
  .description("stream a series' candles to stdout")
  .option('--from <date>')
  .option('--to <date>')
  .option('--provider <id>', 'where several have the series')
  .option('--format <format>', 'csv or jsonl', 'csv')
  .action(
    run(
      (
        context,
        symbol: string,
        timeframe: string,
        flags: { from?: string; to?: string; provider?: string; format: string },
      ) =>
        exportCandles(context, {
          symbol: parseSymbol(symbol),
          timeframe: parseTimeframe(timeframe),
          provider: flags.provider,
          fromMs: flags.from === undefined ? undefined : parseInstant('--from', flags.from),
          toMs: flags.to === undefined ? undefined : parseInstant('--to', flags.to),
          format: flags.format,
        }),
    ),
  );
program
  .command('url')
  .description('a connection string that can read everything and change nothing')
  .action(run((context) => printUrl(context)));
program
  .command('reset')
  .description('delete everything in the data folder, candles included')
  .option('--yes', 'do it')
  .action(run((context, flags: { yes?: boolean }) => reset(context, flags)));
program
  .command('doctor')
  .description('look at everything that the fleet stands on')
  .action(run((context) => doctor(context)));

try {
  await program.parseAsync();
} catch (thrown) {
  if (thrown instanceof CommanderError) process.exitCode = thrown.exitCode === 0 ? 0 : EXIT.badInput;
  else {
    const error = asFleetError(thrown);
    if (program.opts<GlobalFlags>().json) {
      process.stderr.write(`${JSON.stringify({ error: { code: error.code, message: error.message } })}\n`);
    } else process.stderr.write(`candlefleet: ${error.message}\n`);
    if (error.code === 'unexpected' && thrown instanceof Error)
      process.stderr.write(`${thrown.stack ?? ''}\n`);
    process.exitCode = exitCodeOf(error);
    // A role may hold sockets open by now: what failed to start must end.
    process.exit();
  }
}
