import { FleetError } from '@candlefleet/core';

export class QueueUnusableError extends FleetError {
  constructor(message: string, cause?: unknown) {
    super({ code: 'queue_unusable', message, retryable: false, cause });
  }
}

export class QueueSilentError extends FleetError {
  constructor(what: string, deadlineMs: number) {
    super({
      code: 'queue_silent',
      message: `${what}: no answer from the queue's store within ${deadlineMs} ms; whether it took effect is unknown.`,
      retryable: true,
    });
  }
}

export class PayloadError extends FleetError {
  constructor(message: string) {
    super({ code: 'payload_invalid', message, retryable: false });
  }
}
