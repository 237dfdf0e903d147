import type { Strike } from './faults/fault.js';

/** What became of one strike. */
export interface Struck {
  readonly kind: string;
  readonly strike?: Strike | undefined;
  /** From the mending of what was broken to the fleet storing candles again, with nothing left behind. */
  readonly recoveredMs?: number | undefined;
  /** Why it counts as a failure of the fleet's. */
  readonly complaint?: string | undefined;
}

export interface KindLine {
  readonly kind: string;
  readonly struck: number;
  readonly landed: number;
  readonly recoveredMs: { readonly min: number; readonly median: number; readonly max: number } | undefined;
}

export interface ChaosReport {
  readonly backend: string;
  readonly seed: number;
  readonly minutes: number;
  readonly kinds: readonly KindLine[];
  readonly skipped: readonly { kind: string; why: string }[];
  readonly complaints: readonly string[];
  /** Findings of the checker, each with how much was looked at. */
  readonly checked: readonly string[];
}

export function summarize(struck: readonly Struck[], kinds: readonly string[]): KindLine[] {
  return kinds.map((kind) => {
    const own = struck.filter((one) => one.kind === kind);
    const times = own.flatMap((one) => one.recoveredMs ?? []).sort((a, b) => a - b);
    return {
      kind,
      struck: own.length,
      landed: own.filter((one) => one.strike?.landed).length,
      recoveredMs: times.length > 0 ? spread(times) : undefined,
    };
  });
}

function spread(sorted: readonly number[]) {
  const at = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0);
  return { min: at(0), median: at(0.5), max: at(1) };
}

/** Whether the fleet kept its promises, and each kind of fault landed. */
export function isClean(report: ChaosReport): boolean {
  return report.complaints.length === 0 && report.kinds.every((line) => line.landed > 0);
}

/** The report as a table for people. */
export function formatReport(report: ChaosReport): string {
  const rows = [
    ['fault', 'struck', 'landed', 'recovered after s: min', 'median', 'max', ''],
    ...report.kinds.map(({ kind, struck, landed, recoveredMs }) => [
      kind,
      String(struck),
      String(landed),
      ...(recoveredMs
        ? [recoveredMs.min, recoveredMs.median, recoveredMs.max].map((ms) => (ms / 1_000).toFixed(1))
        : ['', '', '']),
      landed === 0 ? 'NEVER LANDED' : '',
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
  const total = report.kinds.reduce((sum, line) => sum + line.landed, 0);
  const where = `the queue in ${report.backend === 'redis' ? 'Redis' : 'Postgres'}, seed ${report.seed}`;
  return [
    `${total} faults in ${report.minutes.toFixed(1)} minutes; ${where}`,
    ...lines,
    ...report.skipped.map(({ kind, why }) => `not struck: ${kind} (${why})`),
    ...report.checked.map((line) => `checked: ${line}`),
    ...report.complaints.map((line) => `BROKEN: ${line}`),
    isClean(report)
      ? 'Nothing lost, nothing doubled, nothing stuck.'
      : `Not clean. To repeat it: npm run chaos -- --backend ${report.backend} --seed ${report.seed} --minutes ${Math.ceil(report.minutes)}`,
  ].join('\n');
}
