import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

export interface HealthWatchOptions {
  readonly everyMs: number;
  /** How long an answer is awaited. */
  readonly answerMs: number;
  /** Told once, after several failures in a row, with what the process says is wrong. */
  readonly onSick: (why: string) => void;
}

const FAILURES = 3;
const bodySchema = z.object({
  checks: z.array(z.object({ check: z.string(), ok: z.boolean(), found: z.string() })),
});

/** Asks a process for its /healthz again and again. Answers how that is ended. */
export function watchHealth(probes: string, { everyMs, answerMs, onSick }: HealthWatchOptions): () => void {
  const stop = new AbortController();
  void (async () => {
    let failures = 0;
    for (;;) {
      await sleep(everyMs, undefined, { signal: stop.signal });
      const trouble = await findTrouble(probes, answerMs);
      failures = trouble === undefined ? 0 : failures + 1;
      if (trouble === undefined || failures < FAILURES) continue;
      if (!stop.signal.aborted) onSick(trouble);
      return;
    }
  })().catch(() => {});
  return () => stop.abort();
}

async function findTrouble(probes: string, answerMs: number): Promise<string | undefined> {
  try {
    const response = await fetch(`${probes}/healthz`, { signal: AbortSignal.timeout(answerMs) });
    if (response.ok) return undefined;
    const { checks } = bodySchema.parse(await response.json());
    return checks.flatMap(({ check, ok, found }) => (ok ? [] : [`${check}: ${found}`])).join('; ');
  } catch {
    return 'its /healthz does not answer';
  }
}
