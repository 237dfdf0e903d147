import { pino } from 'pino';
import { expect, test } from 'vitest';
import { createDatabaseClock } from './database-clock.js';

const NOW = Date.UTC(2024, 0, 1);

function clockAt() {
  const told: string[] = [];
  const log = pino({ level: 'error' }, { write: (line) => void told.push(line) });
  return { clock: createDatabaseClock({ nowMs: () => NOW }, log), told };
}

test("a quick answer sets the database's clock, half of its way back", () => {
  const { clock } = clockAt();
  clock.note(NOW - 500, 100);
  expect(clock.nowMs()).toBe(NOW - 450);
  expect(clock.isRight).toBe(true);
});

test('a slow answer is not taken for skew', () => {
  const { clock } = clockAt();
  // Read at once and then under way for six seconds, from a clock that is right.
  clock.note(NOW - 6_000, 6_000);
  expect(clock.isRight).toBe(true);
});

test('skew beyond what the way explains is told once, until a quick answer shows the clock to be right', () => {
  const { clock, told } = clockAt();
  clock.note(NOW + 5_000, 10);
  clock.note(NOW + 5_000, 10);
  expect(clock.isRight).toBe(false);
  expect(told).toHaveLength(1);
  // May be right, may be ten seconds off: no reason to believe it again.
  clock.note(NOW + 1_000, 9_000);
  expect(clock.isRight).toBe(false);
  clock.note(NOW + 100, 10);
  expect(clock.isRight).toBe(true);
});
