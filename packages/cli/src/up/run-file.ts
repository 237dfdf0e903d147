import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ownerOf } from '@candlefleet/db';
import { z } from 'zod';

/** What a running `up` tells the other commands, in a file of mode 600: it holds the database's password. */
const schema = z.object({
  pid: z.number(),
  startedAt: z.string(),
  databaseUrl: z.string(),
  directUrl: z.string().optional(),
  redisUrl: z.string().optional(),
  dashboardUrl: z.string(),
  replayUrl: z.string().optional(),
  logs: z.string(),
});

export type RunFile = z.infer<typeof schema>;

const NAME = 'up.json';

export function writeRunFile(dataDir: string, run: RunFile): void {
  const file = path.join(dataDir, NAME);
  writeFileSync(`${file}.new`, `${JSON.stringify(run, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** The fleet that runs in this folder, if one does. */
export function readRunFile(dataDir: string): RunFile | undefined {
  if (ownerOf(dataDir) === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(readFileSync(path.join(dataDir, NAME), 'utf8')));
  } catch {
    return undefined;
  }
}

export function removeRunFile(dataDir: string): void {
  rmSync(path.join(dataDir, NAME), { force: true });
}
