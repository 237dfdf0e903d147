import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ensureReader } from '@candlefleet/db';
import { withWarehouse, type CommandContext } from './context.js';

/** Prints a connection string of a role that can read everything and change nothing. */
export async function printUrl(context: CommandContext): Promise<void> {
  const { dataDir } = context.settings;
  await withWarehouse(context, async (db) => {
    mkdirSync(dataDir, { recursive: true });
    const file = path.join(dataDir, 'reader-password');
    if (!existsSync(file)) writeFileSync(file, randomBytes(24).toString('base64url'), { mode: 0o600 });
    const password = readFileSync(file, 'utf8').trim();
    const url = new URL(db.directUrl);
    url.username = await ensureReader(db, password);
    url.password = password;
    context.output.value({ url: url.href });
    context.output.line(url.href);
  });
}
