import { addSymbol, findSymbols, listSymbols, removeSymbol, setActive } from '../commands/symbols.js';
import { parseInstant, parseSymbol, parseTimeframes } from '../terminal/parse-flags.js';
import type { Cli } from './cli.js';

interface AddFlags {
  readonly provider: string;
  readonly timeframes: string;
  readonly from: string;
  readonly to?: string;
}

const PROVIDER = ['--provider <id>', 'replay, or an exchange by its ccxt id, such as binance'] as const;

/** The watchlist. */
export function declareSymbols({ program, run }: Cli): void {
  const symbols = program.command('symbols').description('the watchlist');
  symbols
    .command('add <symbol>')
    .description('track a symbol, or further timeframes of it')
    .requiredOption(...PROVIDER)
    .requiredOption('--timeframes <list>', 'such as 1m,1h')
    .option(
      '--from <date>',
      'where its history starts; all: its first candle, which some exchanges must be searched for with some ten requests',
      'all',
    )
    .option('--to <date>', 'where its history ends; without it, it goes on')
    .action(
      run((context, symbol: string, flags: AddFlags) =>
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
    .requiredOption(...PROVIDER)
    .action(
      run((context, query: string, { provider }: { provider: string }) =>
        findSymbols(context, provider, query),
      ),
    );
  symbols
    .command('remove <symbol>')
    .description('stop tracking a symbol; its candles stay')
    .requiredOption(...PROVIDER)
    .action(
      run((context, symbol: string, { provider }: { provider: string }) =>
        removeSymbol(context, provider, parseSymbol(symbol)),
      ),
    );
  for (const [name, active] of [
    ['pause', false],
    ['resume', true],
  ] as const) {
    symbols
      .command(`${name} <symbol>`)
      .description(active ? 'fetch a paused symbol again' : 'fetch nothing of a symbol until it is resumed')
      .requiredOption(...PROVIDER)
      .action(
        run((context, symbol: string, { provider }: { provider: string }) =>
          setActive(context, { provider, symbol: parseSymbol(symbol) }, active),
        ),
      );
  }
  symbols
    .command('list')
    .description('what is tracked')
    .action(run((context) => listSymbols(context)));
}
