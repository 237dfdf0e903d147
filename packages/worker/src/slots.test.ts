import { expect, test } from 'vitest';
import { createSlotKeeper } from './slots.js';

test('one slot is kept for tails; it is given back when others end', () => {
  const slots = createSlotKeeper(3);
  expect([slots.take('history'), slots.take('manual'), slots.take('repair')]).toEqual([true, true, false]);
  expect([slots.take('tail'), slots.take('tail')]).toEqual([true, true]);
  slots.free('tail');
  expect(slots.take('history')).toBe(false);
  slots.free('manual');
  expect(slots.take('history')).toBe(true);
});

test('a worker of one slot works on everything', () => {
  const slots = createSlotKeeper(1);
  expect(slots.take('history')).toBe(true);
  expect(slots.take('history')).toBe(false);
});
