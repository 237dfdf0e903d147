import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const SHARED = fileURLToPath(new URL('../../../../shared', import.meta.url));

/** The folder beside a checkout that holds real candles; absent in a user's. */
export function sharedFolder(): string | undefined {
  return existsSync(path.join(SHARED, 'data', 'INDEX.json')) ? SHARED : undefined;
}

/** A suffix for the names of tests that need it. */
export const WITHOUT_SHARED = '[skipped: no ../shared]';

/** The text of one of its files. */
export function readShared(name: string): string {
  const bytes = readFileSync(path.join(SHARED, 'data', name));
  return (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
}
