import { z } from 'zod';

const struckSchema = z.object({ struckSinceStart: z.record(z.string(), z.number()) });
const requestsSchema = z.object({
  total: z.number(),
  weightLimit: z.number(),
  largestWindowWeight: z.number(),
  inBan: z.number(),
  bans: z.array(z.unknown()),
});
const revisionsSchema = z.object({
  revisions: z.array(z.object({ symbol: z.string(), timeframe: z.string(), openMs: z.number() })),
});

export type RequestsSeen = z.infer<typeof requestsSchema>;
export type Revised = z.infer<typeof revisionsSchema>['revisions'][number];

/** The replay server's own account (docs/recordings.md). */
export interface ProviderControl {
  /** Answers how often each kind has struck since the start. */
  setFaults(plan: object): Promise<Readonly<Record<string, number>>>;
  requests(): Promise<RequestsSeen>;
  /** Candles that were told otherwise at their first reading. */
  revised(): Promise<Revised[]>;
}

/** A request that was under way when a ban began may still arrive. */
const BAN_GRACE_MS = 1_000;

export function controlProvider(url: string): ProviderControl {
  const ask = async (path: string, init: RequestInit = {}): Promise<unknown> => {
    const response = await fetch(`${url}${path}`, { ...init, signal: AbortSignal.timeout(20_000) });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  return {
    async setFaults(plan) {
      const answer = await ask('/replay/faults', { method: 'PUT', body: JSON.stringify(plan) });
      return struckSchema.parse(answer).struckSinceStart;
    },
    requests: async () => requestsSchema.parse(await ask(`/replay/requests?limit=0&graceMs=${BAN_GRACE_MS}`)),
    revised: async () => revisionsSchema.parse(await ask('/replay/revisions')).revisions,
  };
}
