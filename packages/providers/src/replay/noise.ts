import { hashUnit } from './hash.js';

const DAY_MINUTES = 1_440;
/** Octaves of value noise: from one minute to 2^20 minutes, two years. */
const OCTAVES = 21;
/** Octaves up to four hours breathe with the volatility regime; slower ones are the trend. */
const BREATHING_OCTAVES = 8;
/** Standard deviation of a one-minute log return in a middling regime; doubling every second octave. */
export const MINUTE_SIGMA = 0.0006;
const REGIME_OCTAVES = [9, 11, 13] as const;

/** How busy each minute of a day is: nights are quiet. */
const QUIET = Array.from(
  { length: DAY_MINUTES },
  (_, minute) => 0.65 + 0.35 * Math.sin(((minute / 60 - 9) / 24) * 2 * Math.PI),
);

/** Log price and volatility of every minute, each a pure function of seed and minute. */
export function createNoise(seed: number) {
  const octaves = Array.from({ length: OCTAVES }, (_, level) => createOctave(seed + level * 0x9e37, level));
  const regimes = REGIME_OCTAVES.map((level) => createOctave(seed ^ (0x5bd1 + level * 0x1f1f), level));
  const amplitudes = octaves.map((_, level) => MINUTE_SIGMA * 2 ** (level / 2));

  // Price and volume of a minute ask for the same volatility, one after the other.
  let known = { minute: Number.NaN, value: 0 };
  function volatility(minute: number): number {
    if (known.minute === minute) return known.value;
    let regime = 0;
    for (const octave of regimes) regime += octave(minute);
    known = { minute, value: (QUIET[minute % DAY_MINUTES] ?? 1) * Math.exp(0.9 * regime) };
    return known.value;
  }

  return {
    volatility,
    unit: (minute: number, salt: number) => hashUnit(seed + salt * 0x7f4a, minute),
    logPrice(minute: number): number {
      let fast = 0;
      let slow = 0;
      for (let level = 0; level < OCTAVES; level += 1) {
        const value = (octaves[level]?.(minute) ?? 0) * (amplitudes[level] ?? 0);
        if (level < BREATHING_OCTAVES) fast += value;
        else slow += value;
      }
      return fast * volatility(minute) + slow;
    },
  };
}

/** Value noise of period 2^level minutes: hashed lattice values in [-1, 1], linear between. Remembers its last cell. */
function createOctave(seed: number, level: number): (minute: number) => number {
  const period = 2 ** level;
  let cell = Number.NaN;
  let left = 0;
  let right = 0;
  return (minute) => {
    const at = Math.floor(minute / period);
    if (at !== cell) {
      left = at === cell + 1 ? right : 2 * hashUnit(seed, at) - 1;
      right = 2 * hashUnit(seed, at + 1) - 1;
      cell = at;
    }
    return left + (right - left) * ((minute - at * period) / period);
  };
}
