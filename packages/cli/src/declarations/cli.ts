import { Command } from 'commander';
import { pino } from 'pino';
import { actorName, type CommandContext } from '../commands/context.js';
import { VERSION } from '../connect-fleet.js';
import { readSettings, type Settings } from '../environment.js';
import { createOutput } from '../terminal/output.js';

interface GlobalFlags {
  readonly dataDir?: string;
  readonly json?: boolean;
}

/** The program, and what its commands are declared with. */
export interface Cli {
  readonly program: Command;
  readonly isJson: boolean;
  settings(): Settings;
  /** A command of a person's: it ends, with an exit code. */
  run<A extends unknown[]>(
    work: (context: CommandContext, ...args: A) => Promise<number | void>,
  ): (...args: [...A, unknown, Command]) => Promise<void>;
}

export function createCli(env: NodeJS.ProcessEnv, argv: readonly string[]): Cli {
  // Mistakes in the flags are told before the flags are known.
  const isJson = argv.includes('--json');
  const program = new Command('candlefleet')
    .description('Keeps a warehouse of market-data candles complete and trustworthy.')
    .version(VERSION)
    .option(
      '--data-dir <folder>',
      'where the embedded Postgres and the logs are (CANDLEFLEET_DATA_DIR, else .candlefleet)',
    )
    .option('--json', 'one JSON value for programs, in place of text')
    .showHelpAfterError('(--help tells more)')
    .configureOutput(isJson ? { writeErr: () => {} } : {})
    .exitOverride();
  const settings = () => readSettings(env, program.opts<GlobalFlags>().dataDir);
  return {
    program,
    isJson,
    settings,
    run<A extends unknown[]>(work: (context: CommandContext, ...args: A) => Promise<number | void>) {
      return async (...args: [...A, unknown, Command]) => {
        const context: CommandContext = {
          settings: settings(),
          output: createOutput(isJson),
          log: pino({ level: 'silent' }),
          actor: actorName(),
        };
        // Commander hands over arguments, then the options, then itself.
        const own = args.slice(0, -1) as unknown as A;
        process.exitCode = (await work(context, ...own)) ?? 0;
      };
    },
  };
}

/** For a flag that may stand several times. */
export const collect = (value: string, before: string[]): string[] => [...before, value];
