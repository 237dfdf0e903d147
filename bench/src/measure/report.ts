import type { Spread } from './spread.js';

export type Bound = { readonly atLeast: number } | { readonly atMost: number };

/** A line of a table. */
export interface Measured {
  readonly name: string;
  readonly amount: Spread;
  /** To the baseline; absent for the baseline itself. */
  readonly ratio?: Spread | undefined;
  /** The ratio of each round. */
  readonly rounds?: readonly number[] | undefined;
  readonly budget?: Bound | undefined;
  /** Rounds in which others kept the machine busy. */
  readonly busyRounds?: number | undefined;
}

export interface Report {
  readonly benchmark: string;
  readonly title: string;
  /** Of the amounts. */
  readonly unit: string;
  readonly lines: readonly Measured[];
  readonly notes: readonly string[];
}

/** A report as a table for people. */
export function formatReport(report: Report): string {
  const head = [report.title, report.unit, 'ratio: min', 'median', 'max', 'budget', ''];
  const rows = [head, ...report.lines.map(cellsOf)];
  const widths = head.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const text = rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 || column === row.length - 1
          ? cell.padEnd(widths[column] ?? 0)
          : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
  text.splice(
    1,
    0,
    widths
      .map((width) => '-'.repeat(width))
      .join('  ')
      .trimEnd(),
  );
  return [...text, ...report.notes.map((note) => `  ${note}`)].join('\n');
}

function cellsOf({ name, amount, ratio, budget, busyRounds, rounds }: Measured): string[] {
  const number = (value: number) => Math.round(value).toLocaleString('en-US');
  if (!ratio) return [name, number(amount.median), '', '1', '', '', ''];
  const share = (value: number) => value.toFixed(value < 0.1 ? 3 : 2);
  return [
    name,
    number(amount.median),
    share(ratio.min),
    share(ratio.median),
    share(ratio.max),
    budget ? boundText(budget) : '',
    [
      budget ? (isMet(ratio.median, budget) ? 'met' : 'MISSED') : '',
      busyRounds ? `${busyRounds} of ${rounds?.length ?? 0} rounds busy` : '',
    ]
      .filter(Boolean)
      .join(', '),
  ];
}

function boundText(bound: Bound): string {
  const digits = { maximumFractionDigits: 3 };
  return 'atLeast' in bound
    ? `≥ ${bound.atLeast.toLocaleString('en-US', digits)}`
    : `≤ ${bound.atMost.toLocaleString('en-US', digits)}`;
}

/** Whether a median keeps its budget. */
export function isMet(value: number, bound: Bound): boolean {
  return 'atLeast' in bound ? value >= bound.atLeast : value <= bound.atMost;
}
