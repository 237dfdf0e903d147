import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync, renameSync } from 'node:fs';
import path from 'node:path';

/** The points of packages/worker/src/points.ts. */
export const POINTS = [
  'claim:before',
  'claim:after',
  'page:after',
  'chunk:before',
  'chunk:after',
  'finish:before',
  'finish:after',
  'job:ended',
] as const;

export type Point = (typeof POINTS)[number];

/** What happens to the worker that passes a point. */
export interface Charge {
  readonly do: 'kill' | 'stop' | 'delay';
  readonly ms?: number;
  /** Only on this one's way. */
  readonly executionId?: string;
  /** For each worker that comes, and not the first alone. */
  readonly stays?: boolean;
}

/** Who was struck, where. */
export interface Struck {
  readonly point: Point;
  readonly pid: number;
  readonly executionId: string;
}

/** Charges that lie at points for workers to come, and who came. */
export interface Charges {
  readonly env: Readonly<Record<string, string>>;
  lay(point: Point, charge: Charge): void;
  lift(point: Point): void;
  struck(): Struck[];
}

export function createCharges(folder: string): Charges {
  mkdirSync(folder, { recursive: true });
  const log = path.join(folder, 'struck.log');
  return {
    env: { CHAOS_CHARGES: folder, CHAOS_POINTS: POINTS.join(',') },
    lay(point, charge) {
      const file = path.join(folder, point);
      writeFileSync(`${file}.draft`, JSON.stringify(charge));
      renameSync(`${file}.draft`, file);
    },
    lift: (point) => rmSync(path.join(folder, point), { force: true }),
    struck: () =>
      existsSync(log)
        ? readFileSync(log, 'utf8')
            .split('\n')
            .filter(Boolean)
            .map((line): Struck => JSON.parse(line))
        : [],
  };
}
