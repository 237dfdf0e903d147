import { limitSignal } from '@candlefleet/core';
import { AnswerMalformedError } from '../errors.js';

/** Errors are short, and people read no more. */
const MAX_ERROR_CHARACTERS = 16_384;
const ERROR_TEXT_MS = 1_000;

/** The whole text of an answer. @throws AnswerMalformedError where it is larger than `maxBytes`; the signal's reason */
export async function readText(
  provider: string,
  response: Response,
  { maxBytes, signal }: { maxBytes: number; signal: AbortSignal },
): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const part of partsOf(response, signal)) {
    bytes += part.byteLength;
    if (bytes > maxBytes) {
      throw new AnswerMalformedError({ provider, what: `the answer is larger than ${maxBytes} bytes` });
    }
    text += decoder.decode(part, { stream: true });
  }
  return text + decoder.decode();
}

/** The beginning of what an error says, as far as it comes soon. Its status counts, whatever becomes of its body. */
export async function readErrorText(response: Response, signal: AbortSignal): Promise<string> {
  const soon = limitSignal(signal, ERROR_TEXT_MS);
  const decoder = new TextDecoder();
  let text = '';
  try {
    for await (const part of partsOf(response, soon.signal)) {
      text += decoder.decode(part, { stream: true });
      if (text.length >= MAX_ERROR_CHARACTERS) break;
    }
  } catch {
    // Cut off, or stopped: what came of it will do.
  } finally {
    soon.dispose();
  }
  return text.slice(0, MAX_ERROR_CHARACTERS);
}

/** A body as it comes. The signal stops it here: fetch forgets its own once the garbage collector took its request. */
async function* partsOf({ body }: Response, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  if (!body) return;
  const reader = body.getReader();
  const stop = () => void reader.cancel(signal.reason).catch(() => undefined);
  signal.addEventListener('abort', stop, { once: true });
  try {
    for (;;) {
      signal.throwIfAborted();
      const part = await reader.read();
      signal.throwIfAborted();
      if (part.done) return;
      yield part.value;
    }
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}
