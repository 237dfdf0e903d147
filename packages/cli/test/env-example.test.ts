import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readSettings, VARIABLES } from '../src/environment.js';

const file = fileURLToPath(new URL('../../../.env.example', import.meta.url));
const lines = readFileSync(file, 'utf8').split('\n');
/** Every assignment, in a comment or not. */
const assignments = lines.flatMap((line) => {
  const [, name, value] = /^#?([A-Z][A-Z0-9_]*)=(.*)$/.exec(line) ?? [];
  return name === undefined || value === undefined ? [] : [{ name, value }];
});
const isProvider = ({ name }: { name: string }) => name.startsWith('PROVIDER_');

test('.env.example documents every variable that is read, once, and no other', () => {
  const documented = assignments.filter((one) => !isProvider(one)).map((one) => one.name);
  expect(documented.sort()).toEqual([...VARIABLES].sort());
});

test('.env.example shows each kind of variable that a provider has', () => {
  const kinds = assignments.filter(isProvider).map((one) => one.name.replace(/_[A-Z0-9]+$/, ''));
  expect(kinds.sort()).toEqual([
    'PROVIDER_API_KEY',
    'PROVIDER_BASE_URL',
    'PROVIDER_PASSWORD',
    'PROVIDER_SECRET',
  ]);
});

test('what .env.example shows is accepted as it stands', () => {
  const env = Object.fromEntries(assignments.map(({ name, value }) => [name, value]));
  expect(() => readSettings(env)).not.toThrow();
  expect(
    readSettings({ ...env, PROVIDER_API_KEY_BINANCE: 'key', PROVIDER_SECRET_BINANCE: 'secret' }),
  ).toMatchObject({ workerConcurrency: 16, leaseMs: 30_000, upWorkers: 2, shutdownMs: 25_000 });
});

test('no line of .env.example sets anything: a copy of it changes nothing', () => {
  expect(lines.filter((line) => line !== '' && !line.startsWith('#'))).toEqual([]);
});
