export { type Pooler, startPooler, WITHOUT_POOLER } from './pooler.js';
export { type TestBackend, forgetNamespace, queueBackends, testNamespace } from './backends.js';
export { loseQueues, loseScheduledJobs } from './lose-jobs.js';
export { type TestRedis, canStartRedis, freePort, startRedis } from './redis-server.js';
export { WITHOUT_SHARED, readShared, sharedFolder } from './shared-data.js';
export { sharedRecordings } from './shared-recordings.js';
export { type TestDatabase, adminUrl, createTestDatabase } from './test-database.js';
export { waitUntil } from './wait-until.js';
export { type Weather, type Wire, startWire } from './wire.js';
