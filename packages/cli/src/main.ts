import { asFleetError } from '@candlefleet/core';
import { CommanderError } from 'commander';
import { declareBackfill } from './declarations/backfill.js';
import { createCli } from './declarations/cli.js';
import { declareFleet } from './declarations/fleet.js';
import { declareSymbols } from './declarations/symbols.js';
import { declareWarehouse } from './declarations/warehouse.js';
import { EXIT, exitCodeOf } from './errors.js';

const cli = createCli(process.env, process.argv);
declareFleet(cli);
declareSymbols(cli);
declareBackfill(cli);
declareWarehouse(cli);

// Who reads has enough, as `head` does: no fault of anybody's.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  await cli.program.parseAsync();
} catch (thrown) {
  process.exitCode = tell(thrown);
  // A role may hold sockets open by now: what failed to start must end.
  if (!(thrown instanceof CommanderError)) process.exit();
}

/** Says what went wrong, and answers the exit code. */
function tell(thrown: unknown): number {
  const isFlag = thrown instanceof CommanderError;
  // Help and the version were asked for; what is wrong with a flag, commander has told in text.
  if (isFlag && (thrown.exitCode === 0 || !cli.isJson)) return thrown.exitCode === 0 ? 0 : EXIT.badInput;
  const { code, message } = isFlag
    ? { code: 'bad_input', message: thrown.message.replace(/^error: /, '') }
    : asFleetError(thrown);
  process.stderr.write(
    cli.isJson ? `${JSON.stringify({ error: { code, message } })}\n` : `candlefleet: ${message}\n`,
  );
  if (isFlag) return EXIT.badInput;
  if (code === 'unexpected' && thrown instanceof Error) process.stderr.write(`${thrown.stack ?? ''}\n`);
  return exitCodeOf(asFleetError(thrown));
}
