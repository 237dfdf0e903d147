import { test } from 'vitest';
import { createRandom, strikeUp } from '../src/index.js';
import { SEED } from './short-forms.js';

test('npm start, killed with -9 three times: each next start is ready within 10 s, on one Postgres', async () => {
  await strikeUp(createRandom(SEED), 3);
}, 120_000);
