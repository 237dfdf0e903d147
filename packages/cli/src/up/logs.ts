import { existsSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';

const LARGEST_LOG_BYTES = 20 * 1024 * 1024;
const LINES_TOLD = 5;

/** Appends; a large log is set aside once. */
export function openLog(file: string): number {
  if (existsSync(file) && statSync(file).size > LARGEST_LOG_BYTES) renameSync(file, `${file}.1`);
  return openSync(file, 'a', 0o600);
}

export function lastLines(file: string, count = LINES_TOLD): string {
  if (!existsSync(file)) return '';
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
}

/** The last line of a log, for a person: of a structured one, its message and reason. */
export function lastWords(file: string): string {
  const line = lastLines(file, 1);
  try {
    const { msg, reason }: { msg?: unknown; reason?: unknown } = JSON.parse(line);
    return [msg, reason].filter((part) => typeof part === 'string').join(': ') || line;
  } catch {
    return line;
  }
}
