import { test } from 'vitest';
import { createRandom, strikeUp } from '../src/index.js';
import { SEED } from './short-forms.js';

// How fast is for `npm run chaos` to judge: tests share their machine.
const READY_WITHIN_MS = 45_000;

test('npm start, killed with -9 three times: each next start is ready, on one Postgres', async () => {
  await strikeUp(createRandom(SEED), 3, READY_WITHIN_MS);
}, 180_000);
