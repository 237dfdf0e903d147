import { once } from 'node:events';

/** Where a command writes: text for people, or one JSON value for programs. */
export interface Output {
  readonly json: boolean;
  line(text: string): void;
  /** For people only: hints, progress in plain lines. Goes to stderr, so that pipes stay clean. */
  note(text: string): void;
  value(value: unknown): void;
  /** Writes a piece of a stream; resolves when there is room for the next. */
  piece(text: string): Promise<void>;
}

export function createOutput(json: boolean): Output {
  return {
    json,
    line(text) {
      if (!json) process.stdout.write(`${text}\n`);
    },
    note(text) {
      if (!json) process.stderr.write(`${text}\n`);
    },
    value(value) {
      if (json) process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
    },
    async piece(text) {
      if (!process.stdout.write(text)) await once(process.stdout, 'drain');
    },
  };
}
