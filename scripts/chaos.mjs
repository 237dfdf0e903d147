// Breaks a fleet of real processes at random, on servers of its own.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runChaos } from '../chaos/dist/index.js';
import { provideRedis } from './provide-redis.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const redis = await provideRedis(path.join(root, '.candlefleet/tools'));
Object.assign(process.env, redis.env);
if (redis.hint) console.error(`No Redis here. To get one: ${redis.hint}`);
try {
  process.exitCode = await runChaos(process.argv.slice(2), Boolean(redis.env.TEST_REDIS_SERVER));
} finally {
  await redis.stop();
}
