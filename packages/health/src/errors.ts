import { FleetError } from '@candlefleet/core';

export class StoreSilentError extends FleetError {
  constructor(deadlineMs: number) {
    super({ code: 'store_silent', message: `no answer within ${deadlineMs / 1_000} s`, retryable: true });
  }
}
