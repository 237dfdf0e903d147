// Runs the benchmarks on servers of their own: a Postgres as the embedded one is by default, and a Redis.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runBenchmarks } from '../bench/dist/index.js';
import { startTestPostgres } from './test-postgres.mjs';
import { provideRedis } from './provide-redis.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(path.join(os.tmpdir(), 'candlefleet-bench-'));
// The server's own user must get in, or its files would go elsewhere and stay.
chmodSync(folder, 0o711);
const redis = await provideRedis(path.join(root, '.candlefleet/tools'));
if (redis.hint) console.error(`No Redis here: what needs it is left out. To run it: ${redis.hint}`);
const postgres = await startTestPostgres(path.join(folder, 'postgres'), { isDurable: true });
process.env.TEST_POSTGRES_URL = postgres.url;
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => void stop().then(() => process.exit(130)));
try {
  process.exitCode = await runBenchmarks(process.argv.slice(2), redis.env.TEST_REDIS_URL);
} finally {
  await stop();
}

async function stop() {
  await postgres.stop();
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
}
