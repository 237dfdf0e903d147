import { test } from 'vitest';
import { createRandom, strikeUp, usersHere } from '../src/index.js';
import { SEED } from './short-forms.js';

// How fast is for `npm run chaos` to judge: tests share their machine.
const READY_WITHIN_MS = 45_000;
const KILLS = 3;

const users = usersHere();
test.each(users)(
  'npm start as $name, killed with -9: each next start is ready, on one Postgres',
  async (user) => {
    const kills = Math.ceil(KILLS / users.length);
    await strikeUp(createRandom(SEED), { user, kills, readyWithinMs: READY_WITHIN_MS });
  },
  180_000,
);
