import type { Check, Finding } from '@candlefleet/health';
import type { Duty } from './duty.js';

export interface DutiesOptions {
  /** Of the leader; undefined for one that stands by. */
  readonly duties: () => readonly Duty[] | undefined;
  /** When one that stands by last began to wait for the lead, by performance.now(). */
  readonly triedAt: () => number;
  /** Since when both stores answer, by performance.now(); undefined while they do not. */
  readonly storesAnswerSince: () => number | undefined;
  /** How long a duty may take on top of its pause; a first sync of 100,000 series takes minutes. */
  readonly dutyMs: number;
}

/** Finds a producer that hangs: a leader whose duties do not end, or one that stands by and does not try to lead. */
export function watchDuties({ duties, triedAt, storesAnswerSince, dutyMs }: DutiesOptions): Check {
  return {
    name: 'duties',
    look() {
      const answerSince = storesAnswerSince();
      if (answerSince === undefined) return { ok: true, found: 'waits for its stores' };
      const quietMs = (at: number) => performance.now() - Math.max(at, answerSince);
      const leading = duties();
      if (!leading) {
        const waitedMs = quietMs(triedAt());
        return waitedMs > dutyMs
          ? stuck('stands by, and has not tried to lead', waitedMs)
          : { ok: true, found: 'stands by' };
      }
      const late = leading.find((duty) => quietMs(duty.endedAt) > duty.everyMs + dutyMs);
      return late
        ? stuck(`"${late.name}" has not ended`, quietMs(late.endedAt))
        : { ok: true, found: 'leads' };
    },
  };
}

function stuck(what: string, ms: number): Finding {
  return {
    ok: false,
    found: `${what} for ${Math.round(ms / 1_000)} s`,
    remedy: 'Restart this producer: another one leads meanwhile, and nothing is lost.',
  };
}
