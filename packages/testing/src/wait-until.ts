import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_EVERY_MS = 20;

/** Waits for a condition, not for time: answers its first truthy value. @throws after the deadline, saying what was awaited */
export async function waitUntil<T>(
  what: string,
  look: () => T | Promise<T>,
  deadlineMs = 30_000,
): Promise<NonNullable<T>> {
  for (const end = performance.now() + deadlineMs; ; await sleep(LOOK_EVERY_MS)) {
    const value = await look();
    if (value) return value;
    if (performance.now() > end) throw new Error(`waited ${deadlineMs} ms in vain for ${what}`);
  }
}
