import type { Calendar, CandlePage, CheckedPage } from '@candlefleet/core';
import type { ClaimedExecution, StoredChunk } from '@candlefleet/db';
import type { BackfillJob, JobInHand } from '@candlefleet/queue';

/** What Bull Board shows of a running job. */
export interface Progress {
  report(page: CandlePage, checked: CheckedPage, stored: StoredChunk): Promise<void>;
  summary(): string;
}

/** A job's bar and log are for people: seldom is often enough. */
const REPORT_EVERY_MS = 1_000;

export function createProgress(
  job: JobInHand<BackfillJob>,
  execution: ClaimedExecution,
  calendar: Calendar,
): Progress {
  const { timeframe } = job.data;
  const expected = execution.todo.reduce((sum, range) => sum + calendar.countExpected(timeframe, range), 0);
  const total = { inserted: 0, updated: 0, rejected: 0, requests: 0 };
  let reportedAt = 0;
  return {
    async report(page, checked, stored) {
      total.inserted += stored.inserted;
      total.updated += stored.updated;
      total.rejected += checked.rejected.length;
      total.requests += page.requests + page.confirmations;
      const isLast = stored.outcome === 'completed';
      const now = performance.now();
      if (!isLast && now - reportedAt < REPORT_EVERY_MS) return;
      // A tail is done before anyone could look at its bar.
      if (isLast && execution.kind === 'tail') return;
      reportedAt = now;
      const left = stored.todo.reduce((sum, range) => sum + calendar.countExpected(timeframe, range), 0);
      const percent = expected === 0 ? 100 : Math.round(100 * (1 - left / expected));
      await job.reportProgress({ percent, candles: total.inserted, range: rangeText(execution.range) });
      await job.log(`${percent} %: candles to ${iso(page.asked.toMs)}; ${summary()}`);
    },
    summary,
  };

  function summary(): string {
    const { inserted, updated, rejected, requests } = total;
    return `stored ${inserted}, updated ${updated}, rejected ${rejected}, requests ${requests}`;
  }
}

function rangeText({ fromMs, toMs }: { fromMs: number; toMs: number }): string {
  return `${iso(fromMs)} – ${iso(toMs)}`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
}
