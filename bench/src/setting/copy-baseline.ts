import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Candle } from '@candlefleet/core';
import postgres from 'postgres';

/** One COPY of rows into market_data. */
export interface CopyBaseline {
  readonly name: string;
  /** Copies all rows in one statement. Answers how long that took, without connecting. */
  copyMs(): Promise<number>;
  close(): void;
}

const COLUMNS = 'market_data (series_id, time, open, high, low, close, volume)';
const run = promisify(execFile);

/** psql's \copy where psql is on PATH; else a COPY from a file by the server itself, which spares it the wire. */
export function createCopyBaseline(
  databaseUrl: string,
  seriesId: number,
  candles: readonly Candle[],
): CopyBaseline {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'candlefleet-bench-copy-'));
  const file = path.join(folder, 'rows.tsv');
  writeFileSync(file, candles.map((candle) => toLine(seriesId, candle)).join(''));
  // The server reads it itself where there is no psql, as a user of its own.
  chmodSync(folder, 0o755);
  const hasPsql = spawnSync('psql', ['--version']).status === 0;
  return {
    name: hasPsql ? 'one COPY (psql)' : 'one COPY (from a file on the server)',
    copyMs: () => (hasPsql ? copyByPsql(databaseUrl, file) : copyByServer(databaseUrl, file)),
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function toLine(seriesId: number, { openMs, open, high, low, close, volume }: Candle): string {
  return `${[seriesId, new Date(openMs).toISOString(), open, high, low, close, volume].join('\t')}\n`;
}

async function copyByPsql(databaseUrl: string, file: string): Promise<number> {
  const commands = ['\\timing on', `\\copy ${COLUMNS} from '${file}'`].flatMap((one) => ['-c', one]);
  const { stdout } = await run('psql', [databaseUrl, '-X', '-v', 'ON_ERROR_STOP=1', ...commands], {
    env: { ...process.env, LC_ALL: 'C' },
  });
  const ms = /Time: ([\d.]+) ms/.exec(stdout)?.[1];
  if (ms === undefined) throw new Error(`psql told no time: ${stdout}`);
  return Number(ms);
}

async function copyByServer(databaseUrl: string, file: string): Promise<number> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  try {
    await sql`select 1`;
    const startedAt = performance.now();
    await sql.unsafe(`copy ${COLUMNS} from '${file}'`);
    return performance.now() - startedAt;
  } finally {
    await sql.end();
  }
}
