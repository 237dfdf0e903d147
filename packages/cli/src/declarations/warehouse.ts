import { BadInputError } from '@candlefleet/core';
import { doctor } from '../commands/doctor.js';
import { exportCandles } from '../commands/export.js';
import { reset } from '../commands/reset.js';
import { printStatus } from '../commands/status.js';
import { printUrl } from '../commands/url.js';
import { parseInstant, parseSymbol, parseTimeframe } from '../terminal/parse-flags.js';
import type { Cli } from './cli.js';

interface ExportOptions {
  readonly from?: string;
  readonly to?: string;
  readonly provider?: string;
  readonly format?: string;
}

interface DoctorOptions {
  readonly deep?: boolean;
  readonly provider?: string;
  readonly symbol?: string;
}

/** What is in the warehouse, and what it stands on. */
export function declareWarehouse({ program, run }: Cli): void {
  program
    .command('status')
    .description('how complete the warehouse is')
    .action(run((context) => printStatus(context)));
  program
    .command('export <symbol> <timeframe>')
    .description("stream a series' candles to stdout")
    .option('--from <date>', 'the first open time, such as 2024-01-31 or 2024-01-31T13:00Z; UTC')
    .option('--to <date>', 'candles that open before')
    .option('--provider <id>', 'where several have the series')
    .option('--format <format>', 'csv or jsonl; default: csv, or with --json jsonl')
    .action(
      run((context, symbol: string, timeframe: string, flags: ExportOptions) =>
        exportCandles(context, {
          symbol: parseSymbol(symbol),
          timeframe: parseTimeframe(timeframe),
          provider: flags.provider,
          fromMs: flags.from === undefined ? undefined : parseInstant('--from', flags.from),
          toMs: flags.to === undefined ? undefined : parseInstant('--to', flags.to),
          format: flags.format ?? (context.output.json ? 'jsonl' : 'csv'),
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
    .option('--deep', 'and check all that is stored by its own rules: reads every candle twice')
    .option('--provider <id>', 'deep: only its series')
    .option('--symbol <symbol>', 'deep: only its series')
    .action(
      run((context, { deep, provider, symbol }: DoctorOptions) => {
        if (!deep && (provider !== undefined || symbol !== undefined))
          throw new BadInputError('--provider and --symbol say what to check deeply: add --deep.');
        const wishes = { provider, symbol: symbol === undefined ? undefined : parseSymbol(symbol) };
        return doctor(context, deep ? wishes : undefined);
      }),
    );
}
