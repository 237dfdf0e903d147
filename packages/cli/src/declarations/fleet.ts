import { migrate } from '../commands/migrate.js';
import { runProducer } from '../roles/run-producer.js';
import { runReplay } from '../roles/run-replay.js';
import { runWorker } from '../roles/run-worker.js';
import { parseCount, parseSymbol } from '../terminal/parse-flags.js';
import { up } from '../up/up.js';
import { collect, type Cli } from './cli.js';

/** `up`, and the roles that it is made of. */
export function declareFleet({ program, run, settings }: Cli): void {
  program
    .command('up')
    .description('start everything on this machine: Postgres, producer, workers, dashboard')
    .option('--source <source>', 'auto, live or replay; chosen once and kept')
    .option('--recordings <folder>', 'replay real candles from files, in place of the simulated market')
    .option('--seed <number>', 'of the simulated market', parseCount('--seed'))
    .option('--faults <file>', 'a fault plan for the replay server')
    .option('--fault <fault>', 'kind[:rate[:value]], such as latency:0.2:300', collect, [])
    .action(
      run(async (context, flags: Parameters<typeof up>[1]) => {
        const code = await up(context, flags);
        // A step that was still under way when a person stopped it must not keep the process.
        process.exit(code);
      }),
    );
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
    // Loaded late: Express and Bull Board are a quarter of what every command would wait for.
    .action(async () => (await import('../roles/run-dashboard.js')).runDashboard(settings()));
  program
    .command('replay')
    .description("run a server that speaks Binance's wire format over recordings or a simulated market")
    .option('--port <port>', 'default: a free one', parseCount('--port', 65_535))
    .option('--recordings <folder>', 'a folder with recordings.json')
    .option('--seed <number>', 'of the simulated market and of the faults', parseCount('--seed'), 1)
    .option('--symbols <list>', 'of the simulated market, such as BTC/USDT,ETH/USDT', (text) =>
      text.split(',').map((one) => parseSymbol(one.trim())),
    )
    .option(
      '--symbol-count <number>',
      'of the simulated market: so many, BTC/USDT, ETH/USDT, SOL/USDT, SIM4/USDT, SIM5/USDT …',
      parseCount('--symbol-count', 100_000),
    )
    .option('--faults <file>', 'a fault plan')
    .option('--fault <fault>', 'kind[:rate[:value]], such as latency:0.2:300', collect, [])
    .option('--weight-limit <weight>', 'request weight a minute', parseCount('--weight-limit'))
    .action((flags) => runReplay(settings(), flags));
}
