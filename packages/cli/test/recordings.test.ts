import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { readSeriesFacts } from '@candlefleet/db';
import { openRecordings } from '@candlefleet/providers';
import { queueBackends, sharedFolder, sharedRecordings, WITHOUT_SHARED } from '@candlefleet/testing';
import { describe, expect, test } from 'vitest';
import { startFleet } from './fleet.js';

const shared = sharedFolder();

describe.each(queueBackends())('real recordings, with the queue in $name', (backend) => {
  const skipped = backend.skipped ? ` [skipped: ${backend.skipped}]` : shared ? '' : ` ${WITHOUT_SHARED}`;

  test.skipIf(skipped !== '')(
    `every crypto file of candles ends in the table, row by row${skipped}`,
    async () => {
      const folder = mkdtempSync(path.join(os.tmpdir(), 'recordings-'));
      writeFileSync(path.join(folder, 'recordings.json'), JSON.stringify(sharedRecordings(shared ?? '')));
      const market = await openRecordings(folder);
      const fleet = await startFleet({ backend, market, concurrency: 16 });
      try {
        for (const { symbol, timeframe, fromMs, toMs } of market.series)
          await fleet.track(symbol, timeframe, fromMs, toMs);
        await fleet.settled(240_000);
        for (const { symbol, timeframe, fromMs, toMs = 0 } of market.series) {
          expect(await fleet.stored(symbol, timeframe)).toEqual(fleet.truth(symbol, timeframe, fromMs, toMs));
        }
        const facts = await readSeriesFacts(fleet.db);
        expect(facts.filter((one) => one.unconfirmed.length > 0)).toEqual([]);
      } finally {
        await fleet.close();
        rmSync(folder, { recursive: true, force: true });
      }
    },
    300_000,
  );
});
