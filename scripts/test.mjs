// Runs every package's tests on servers of their own, and ends with one line: N passed, N failed, N skipped.
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startOldestPostgres, startTestPostgres } from './test-postgres.mjs';
import { providePgbouncer } from './provide-pgbouncer.mjs';
import { provideRedis } from './provide-redis.mjs';

/** Under CI a test may be skipped for these reasons alone; its name carries the reason. */
const ALLOWED_SKIPS = /\[skipped: (?:no \.\.\/shared|not root)\]/;

const root = fileURLToPath(new URL('..', import.meta.url));
const isCi = process.env.CI === 'true';
const folder = mkdtempSync(path.join(os.tmpdir(), 'candlefleet-test-'));
// Open to the server's unprivileged user, so that as root its files are here too, and go with the rest.
chmodSync(folder, 0o755);
const redis = await provideRedis(path.join(root, '.candlefleet/tools'));
const pgbouncer = providePgbouncer(path.join(root, '.candlefleet/tools'));
const postgres = await startTestPostgres(path.join(folder, 'postgres'));
const filters = process.argv.slice(2);
// The database's own tests run on the oldest Postgres too.
const isAboutDatabase = filters.length === 0 || filters.some((one) => one.includes('packages/db'));
const oldest = isAboutDatabase ? await startOldestPostgres(path.join(folder, 'oldest')) : undefined;
if (isAboutDatabase && !oldest)
  console.error(
    'No Postgres 15 here: the tests of the database on it are skipped. To run them: install postgresql-15.',
  );
if (redis.hint) console.error(`No Redis here: its half of the suite is skipped. To run it: ${redis.hint}`);

let code = 1;
try {
  const report = path.join(folder, 'report.json');
  code = await run('node', [
    path.join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...filters,
  ]);
  code = summarize(JSON.parse(readFileSync(report, 'utf8')), code);
} finally {
  await oldest?.stop();
  await postgres.stop();
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = code;

function run(program, args) {
  const env = {
    ...process.env,
    TEST_POSTGRES_URL: postgres.url,
    ...(oldest ? { TEST_OLDEST_POSTGRES_URL: oldest.url } : {}),
    ...redis.env,
    ...pgbouncer,
    LOG_LEVEL: 'silent',
  };
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, env, stdio: 'inherit' });
    child.once('exit', (exitCode) => resolve(exitCode ?? 1));
  });
}

function summarize({ testResults }, exitCode) {
  const tests = testResults.flatMap((file) => file.assertionResults);
  const count = (status) => tests.filter((test) => test.status === status).length;
  const skipped = tests.filter((test) => test.status !== 'passed' && test.status !== 'failed');
  const brokenFiles = testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((one) => one.status === 'failed'),
  );
  const forbidden = isCi ? skipped.filter((test) => !ALLOWED_SKIPS.test(test.fullName)) : [];
  for (const test of forbidden) console.error(`Skipped, which CI does not allow: ${test.fullName}`);
  for (const file of brokenFiles) console.error(`Did not run: ${file.name}\n${file.message ?? ''}`);
  const failed = count('failed') + brokenFiles.length + forbidden.length;
  console.log(`${count('passed')} passed, ${failed} failed, ${skipped.length - forbidden.length} skipped`);
  return failed > 0 || tests.length === 0 ? 1 : exitCode;
}
