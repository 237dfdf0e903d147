import { providerTraits } from '@candlefleet/providers';
import { startProducer } from '@candlefleet/producer';
import type { Settings } from '../environment.js';
import { openStores } from './open-stores.js';
import { runRole } from './run-role.js';

export function runProducer(settings: Settings): Promise<void> {
  return runRole(settings, 'producer', async (start) => {
    const stores = await openStores('producer', start);
    const { db, queues } = stores;
    const { upkeepMs, syncMs } = settings;
    const producer = startProducer({
      db,
      queues,
      traitsOf: providerTraits,
      timings: { planMs: upkeepMs, relayMs: upkeepMs, reapMs: upkeepMs, syncMs },
      storesAnswerSince: () => stores.answerSince(),
      log: start.log,
    });
    start.health.watch('healthz', producer.duties);
    return {
      async close(deadlineMs) {
        await producer.close();
        await stores.close(deadlineMs);
      },
    };
  });
}
