import { userInfo } from 'node:os';
import type { Database } from '@candlefleet/db';
import type { Logger } from 'pino';
import { explainDatabase } from '../explain-database.js';
import { openWarehouse } from '../connect-fleet.js';
import type { Settings } from '../environment.js';
import type { Output } from '../terminal/output.js';

/** What every command gets. */
export interface CommandContext {
  readonly settings: Settings;
  readonly output: Output;
  readonly log: Logger;
  /** Who asks: for the audit log. */
  readonly actor: string;
}

export function actorName(): string {
  try {
    return `cli:${userInfo().username}`;
  } catch {
    return 'cli';
  }
}

/** Runs a command's work on the warehouse, and lets go of it. */
export async function withWarehouse<T>(
  context: CommandContext,
  work: (db: Database) => Promise<T>,
): Promise<T> {
  const db = openWarehouse(context.settings, 'candlefleet cli');
  try {
    return await work(db);
  } catch (thrown) {
    throw explainDatabase(thrown, db.url);
  } finally {
    await db.close();
  }
}
