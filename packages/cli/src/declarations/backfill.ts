import { backfill } from '../commands/backfill.js';
import { cancel, printExecution, printExecutions, retry } from '../commands/executions.js';
import { parseCount, parseInstant, parseSymbol, parseTimeframe } from '../terminal/parse-flags.js';
import type { Cli } from './cli.js';

interface BackfillOptions {
  readonly symbol: string;
  readonly timeframe: string;
  readonly from: string;
  readonly to?: string;
  readonly provider?: string;
  readonly dryRun?: boolean;
  readonly wait?: boolean;
}

/** Backfills that a person asks for, and the executions that do the work. */
export function declareBackfill({ program, run }: Cli): void {
  program
    .command('backfill')
    .description("fetch what is missing of a stretch, before the rest of its series' history")
    .requiredOption('--symbol <symbol>', 'such as BTC/USDT')
    .requiredOption('--timeframe <timeframe>', 'such as 1h')
    .requiredOption('--from <date>', 'such as 2024-01-31 or 2024-01-31T13:00Z; UTC')
    .option('--to <date>', 'default: the end of the last closed candle')
    .option('--provider <id>', 'where several have the series')
    .option('--dry-run', 'tell candles, requests and time to expect, and do nothing')
    .option('--wait', 'stay until it is done')
    .action(
      run((context, flags: BackfillOptions) =>
        backfill(context, {
          symbol: parseSymbol(flags.symbol),
          timeframe: parseTimeframe(flags.timeframe),
          provider: flags.provider,
          fromMs: parseInstant('--from', flags.from),
          toMs: flags.to === undefined ? undefined : parseInstant('--to', flags.to),
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
    .option('--status <status>', 'pending, in_progress, completed, failed or cancelled only')
    .option('--limit <count>', 'at most', parseCount('--limit', 10_000), 50)
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
}
