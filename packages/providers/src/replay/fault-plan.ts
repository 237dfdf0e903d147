import { timeframeSchema } from '@candlefleet/core';
import { z } from 'zod';

const rate = z.number().min(0).max(1).default(0.1).describe('share of requests that it strikes');
const times = z.int().positive().optional().describe('how often at most; absent: for ever');
const symbol = z.string().optional().describe('only requests for this symbol');
const timeframe = timeframeSchema.optional().describe('only requests for this timeframe');
const common = { rate, times, symbol, timeframe };
const rows = z.int().positive();

/** One fault: how often it strikes, and what it then does. */
export const faultSchema = z.discriminatedUnion('kind', [
  // The answer does not come, or comes late.
  z.strictObject({ kind: z.literal('latency'), ...common, delayMs: z.number().positive().default(500) }),
  z.strictObject({ kind: z.literal('slow_drip'), ...common, bytesPerSecond: z.int().positive().default(20) }),
  z.strictObject({ kind: z.literal('reset_in_body'), ...common }),
  z.strictObject({ kind: z.literal('huge_body'), ...common, megabytes: z.int().positive().default(50) }),
  // The server refuses.
  z.strictObject({
    kind: z.literal('rate_limited'),
    ...common,
    retryAfterSeconds: z.int().positive().default(1),
  }),
  z.strictObject({ kind: z.literal('banned'), ...common, banSeconds: z.int().positive().default(5) }),
  z.strictObject({
    kind: z.literal('server_error'),
    ...common,
    status: z.int().min(500).max(599).default(503),
  }),
  z.strictObject({
    kind: z.literal('nul_in_message'),
    ...common,
    status: z.int().min(400).max(599).default(503),
  }),
  z.strictObject({ kind: z.literal('symbol_refused'), ...common }),
  // The body is none.
  z.strictObject({ kind: z.literal('html_page'), ...common }),
  z.strictObject({ kind: z.literal('truncated_json'), ...common }),
  z.strictObject({ kind: z.literal('malformed_json'), ...common }),
  // The rows lie.
  z.strictObject({ kind: z.literal('empty_page'), ...common }),
  z.strictObject({ kind: z.literal('bad_values'), ...common, rows: rows.default(3) }),
  z.strictObject({ kind: z.literal('half_rows'), ...common, rows: rows.default(3) }),
  z.strictObject({ kind: z.literal('unsorted_rows'), ...common }),
  z.strictObject({ kind: z.literal('repeated_rows'), ...common, rows: rows.default(3) }),
  z.strictObject({ kind: z.literal('contradicting_rows'), ...common, rows: rows.default(3) }),
  z.strictObject({ kind: z.literal('early_rows'), ...common, rows: rows.default(3) }),
  z.strictObject({ kind: z.literal('late_rows'), ...common, rows: rows.default(3) }),
  z.strictObject({ kind: z.literal('shifted_times'), ...common, offsetMs: z.int().default(1_000) }),
  z.strictObject({ kind: z.literal('shifted_page'), ...common, rows: rows.default(1) }),
  z.strictObject({ kind: z.literal('forming_candle'), ...common }),
  z.strictObject({ kind: z.literal('revised_candle'), ...common }),
]);

/** A fault plan: which faults strike how often, decided by seed and the request's number. */
export const faultPlanSchema = z.strictObject({
  seed: z.int().default(1),
  faults: z.array(faultSchema).default([]),
});

export type FaultPlan = z.infer<typeof faultPlanSchema>;
export type Fault = FaultPlan['faults'][number];
export type FaultKind = Fault['kind'];

export const FAULT_KINDS = faultSchema.options.map((option) => option.shape.kind.value);
