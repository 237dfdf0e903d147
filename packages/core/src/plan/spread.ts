/**
 * A deterministic delay for a series within `windowMs`, so that many series do not start in one second. Never 0:
 * a scheduler with offset 0 fires off its grid (HAZARDS, techniques).
 */
export function spreadMs(seriesId: number, windowMs: number): number {
  // Knuth's multiplicative hash: neighbouring ids land far apart.
  const hash = Math.imul(seriesId, 2_654_435_761) >>> 0;
  return 1 + Math.floor((hash / 2 ** 32) * Math.max(0, windowMs - 1));
}
