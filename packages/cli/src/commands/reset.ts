import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { BadInputError } from '@candlefleet/core';
import { embeddedFolder, ownFolder, startEmbeddedPostgres } from '@candlefleet/db';
import type { CommandContext } from './context.js';

/** Files that `up` makes in its data folder, beside the embedded Postgres. */
const OURS = ['source.json', 'up.json', 'logs', 'reader-password'];

/** Gives up everything in the data folder, candles included. Refused while a fleet runs there. */
export async function reset({ settings, output }: CommandContext, flags: { yes?: boolean }): Promise<void> {
  const { dataDir } = settings;
  if (settings.databaseUrl) {
    throw new BadInputError(
      '`reset` empties the embedded Postgres of a data folder; DATABASE_URL names another server, which is left alone.',
    );
  }
  const folder = embeddedFolder(dataDir);
  const isOurs = existsSync(path.join(folder, 'password')) || existsSync(path.join(dataDir, 'source.json'));
  if (!isOurs) {
    output.value({ reset: null });
    output.line(`There is nothing of a fleet in ${dataDir}.`);
    return;
  }
  if (!flags.yes) {
    throw new BadInputError(
      `This deletes all candles and all records in ${dataDir}. To do it: npx candlefleet reset --yes --data-dir ${dataDir}`,
    );
  }
  const owned = ownFolder(dataDir);
  try {
    // A server that survived its owner holds the folder: it is adopted, and ended.
    if (existsSync(path.join(folder, 'data', 'postmaster.pid')))
      await (await startEmbeddedPostgres({ dataDir })).close();
    rmSync(folder, { recursive: true, force: true });
    for (const name of OURS) rmSync(path.join(dataDir, name), { recursive: true, force: true });
  } finally {
    owned.release();
  }
  output.value({ reset: dataDir });
  output.line(`${dataDir} is empty again.`);
}
