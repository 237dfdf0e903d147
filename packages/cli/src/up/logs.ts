import { existsSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';

const LARGEST_LOG_BYTES = 20 * 1024 * 1024;
const LINES_TOLD = 5;

/** Appends; a large log is set aside once. */
export function openLog(file: string): number {
  if (existsSync(file) && statSync(file).size > LARGEST_LOG_BYTES) renameSync(file, `${file}.1`);
  return openSync(file, 'a', 0o600);
}

/** How much is in a log by now. */
export function logEnd(file: string): number {
  return existsSync(file) ? statSync(file).size : 0;
}

/** The last lines that were written to a log since it ended at `fromByte`. */
export function lastLines(file: string, fromByte: number, count = LINES_TOLD): string {
  if (!existsSync(file)) return '';
  const text = readFileSync(file).subarray(fromByte).toString('utf8');
  return text.trimEnd().split('\n').slice(-count).join('\n');
}

/** The last line of them, for a person: of a structured one, its message and reason. */
export function lastWords(file: string, fromByte: number): string {
  const line = lastLines(file, fromByte, 1);
  try {
    const { msg, reason }: { msg?: unknown; reason?: unknown } = JSON.parse(line);
    return [msg, reason].filter((part) => typeof part === 'string').join(': ') || line;
  } catch {
    return line;
  }
}
