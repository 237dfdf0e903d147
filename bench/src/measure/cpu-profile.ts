import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Node's own profiler on a process: the options to start it with, and what it found once that has ended. */
export interface CpuProfile {
  readonly nodeOptions: readonly string[];
  /** Milliseconds by place: whose code it was in, without what that called. */
  read(): Map<string, number>;
  close(): void;
}

interface ProfileFile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { functionName: string; url: string };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export function openCpuProfile(): CpuProfile {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'candlefleet-bench-profile-'));
  return {
    nodeOptions: ['--cpu-prof', `--cpu-prof-dir=${folder}`],
    read() {
      const times = new Map<string, number>();
      for (const name of readdirSync(folder)) {
        const profile: ProfileFile = JSON.parse(readFileSync(path.join(folder, name), 'utf8'));
        const places = new Map(profile.nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]));
        for (const [index, id] of profile.samples.entries()) {
          const place = places.get(id) ?? 'unknown';
          times.set(place, (times.get(place) ?? 0) + (profile.timeDeltas[index] ?? 0) / 1_000);
        }
      }
      times.delete('idle');
      return times;
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function placeOf({ functionName, url }: { functionName: string; url: string }): string {
  if (/^\((idle|program|garbage collector)\)$/.test(functionName)) return functionName.slice(1, -1);
  const ours = /\/packages\/(\w+)\/dist\//.exec(url)?.[1];
  if (ours) return `candlefleet: ${ours}`;
  const theirs = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
  if (theirs) return theirs;
  // JSON.parse, socket reads and writes and the like have no file.
  return url.startsWith('node:')
    ? "Node's own modules"
    : functionName === 'parse'
      ? 'JSON.parse'
      : 'native code';
}
