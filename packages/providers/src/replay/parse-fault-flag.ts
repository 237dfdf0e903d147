import { BadInputError } from '@candlefleet/core';
import { z } from 'zod';
import { FAULT_KINDS, faultSchema, type Fault, type FaultKind } from './fault-plan.js';

/** The value that a fault's flag may carry as its third part. */
const VALUE_OF: Partial<Record<FaultKind, string>> = {
  latency: 'delayMs',
  slow_drip: 'bytesPerSecond',
  huge_body: 'megabytes',
  rate_limited: 'retryAfterSeconds',
  banned: 'banSeconds',
  server_error: 'status',
  nul_in_message: 'status',
  bad_values: 'rows',
  half_rows: 'rows',
  repeated_rows: 'rows',
  contradicting_rows: 'rows',
  early_rows: 'rows',
  late_rows: 'rows',
  shifted_times: 'offsetMs',
  shifted_page: 'rows',
};

/** Reads `kind[:rate[:value]]`, such as `latency:0.2:300`. @throws BadInputError */
export function parseFaultFlag(text: string): Fault {
  const [kind = '', rateText, valueText] = text.split(':');
  const known = FAULT_KINDS.find((one) => one === kind);
  if (!known)
    throw new BadInputError(
      `--fault ${text}: there is no fault "${kind}". There are: ${FAULT_KINDS.join(', ')}.`,
    );
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
