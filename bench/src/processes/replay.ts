import { startReplayServer } from '@candlefleet/providers';
import { keepMarket } from '../setting/kept-market.js';

const PLENTY = 1_000_000_000;

/** A replay server in a process of its own; ends with its parent. Arguments: symbols, candles of each. */
async function main(symbols: readonly string[], candles: number): Promise<void> {
  const server = await startReplayServer({ market: keepMarket(symbols, candles), weightLimit: PLENTY });
  process.on('disconnect', () => void server.close().then(() => process.exit(0)));
  process.send?.({ url: server.url });
}

await main((process.argv[2] ?? '').split(','), Number(process.argv[3]));
