import { BadInputError, timeframeSchema } from '@candlefleet/core';
import { z } from 'zod';
import { hashUnit } from './hash.js';

const rate = z.number().min(0).max(1).default(0.1).describe('share of requests that it strikes');
const times = z.int().positive().optional().describe('how often at most; absent: for ever');
const symbol = z.string().optional().describe('only requests for this symbol');
const timeframe = timeframeSchema.optional().describe('only requests for this timeframe');
const common = { rate, times, symbol, timeframe };

const faultSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('latency'), ...common, delayMs: z.number().positive().default(500) }),
  z.strictObject({
    kind: z.literal('rate_limited'),
    ...common,
    retryAfterSeconds: z.int().positive().default(1),
  }),
  z.strictObject({
    kind: z.literal('server_error'),
    ...common,
    status: z.int().min(500).max(599).default(503),
  }),
  z.strictObject({ kind: z.literal('symbol_refused'), ...common }),
  z.strictObject({ kind: z.literal('reset_in_body'), ...common }),
  z.strictObject({ kind: z.literal('forming_candle'), ...common }),
  z.strictObject({ kind: z.literal('empty_page'), ...common }),
]);

/** A fault plan: which faults strike how often, decided by seed and the request's number. */
export const faultPlanSchema = z.strictObject({
  seed: z.int().default(1),
  faults: z.array(faultSchema).default([]),
});

export type FaultPlan = z.infer<typeof faultPlanSchema>;
export type Fault = FaultPlan['faults'][number];
export type FaultKind = Fault['kind'];

const KINDS = faultSchema.options.map((option) => option.shape.kind.value);

/** The value that a fault's flag may carry as its third part. */
const VALUE_OF: Partial<Record<FaultKind, string>> = {
  latency: 'delayMs',
  rate_limited: 'retryAfterSeconds',
  server_error: 'status',
};

/** Reads `kind[:rate[:value]]`, such as `latency:0.2:300`. @throws BadInputError */
export function parseFaultFlag(text: string): Fault {
  const [kind = '', rateText, valueText] = text.split(':');
  const known = KINDS.find((one) => one === kind);
  if (!known)
    throw new BadInputError(`--fault ${text}: there is no fault "${kind}". There are: ${KINDS.join(', ')}.`);
  const valueName = VALUE_OF[known];
  const raw = {
    kind: known,
    ...(rateText === undefined ? {} : { rate: Number(rateText) }),
    ...(valueText === undefined ? {} : { [valueName ?? 'value']: Number(valueText) }),
  };
  const parsed = faultSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const shape = valueName ? `${known}:RATE:${valueName}` : `${known}:RATE`;
  throw new BadInputError(
    `--fault ${text}: write it as ${shape}, with a rate from 0 to 1. ${z.prettifyError(parsed.error)}`,
  );
}

/** A request for candles, by its number since the server started. */
interface Asked {
  readonly number: number;
  readonly symbol: string;
  readonly timeframe: string;
}

/** Answers the faults that strike a request. */
export function createFaultDie(plan: FaultPlan): (asked: Asked) => Fault[] {
  const struck = new Map<Fault, number>();
  return (asked) =>
    plan.faults.filter((fault, index) => {
      if (fault.symbol !== undefined && fault.symbol !== asked.symbol) return false;
      if (fault.timeframe !== undefined && fault.timeframe !== asked.timeframe) return false;
      const before = struck.get(fault) ?? 0;
      if (fault.times !== undefined && before >= fault.times) return false;
      const strikes = hashUnit(plan.seed * 1_000 + index, asked.number) < fault.rate;
      if (strikes) struck.set(fault, before + 1);
      return strikes;
    });
}
