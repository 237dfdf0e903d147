import { MultiBar, Presets } from 'cli-progress';
import type { Output } from './output.js';
import { show } from './table.js';

export interface Bar {
  update(value: number): void;
}

export interface Bars {
  add(label: string, total: number): Bar;
  stop(): void;
}

const PLAIN_EVERY_MS = 5_000;

/** Progress bars where a terminal is there, else a plain line now and then. */
export function createBars(output: Output): Bars {
  return process.stderr.isTTY && !output.json ? terminalBars() : plainBars(output);
}

function terminalBars(): Bars {
  const multi = new MultiBar(
    {
      format: '{label} {bar} {percentage} %  {value} of {total} candles',
      stream: process.stderr,
      hideCursor: true,
    },
    Presets.shades_grey,
  );
  return {
    add(label, total) {
      const bar = multi.create(total, 0, { label: label.padEnd(16) });
      return { update: (value) => bar.update(Math.min(value, total)) };
    },
    stop: () => multi.stop(),
  };
}

function plainBars(output: Output): Bars {
  return {
    add(label, total) {
      let toldAt = Number.NEGATIVE_INFINITY;
      let told = -1;
      return {
        update(to) {
          // What is wanted grows with the clock; a bar is about what it was when it began.
          const value = Math.min(to, total);
          const isOver = value >= total;
          if (value === told || (!isOver && performance.now() - toldAt < PLAIN_EVERY_MS)) return;
          toldAt = performance.now();
          told = value;
          const percent = total === 0 ? 100 : Math.floor((100 * value) / total);
          output.note(`${label}: ${percent} %, ${show(value)} of ${show(total)} candles`);
        },
      };
    },
    stop: () => {},
  };
}
