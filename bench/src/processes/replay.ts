import { startReplayServer } from '@candlefleet/providers';
import { keepMarket } from '../setting/kept-market.js';
import { liveMarket } from '../setting/live-market.js';

const PLENTY = 1_000_000_000;

export interface ReplaySpec {
  readonly symbols: readonly string[];
  /** Of each, from the listing on; absent: up to now, and on with the clock. */
  readonly candles?: number | undefined;
  /** Request weight a minute; absent: more than is ever used. */
  readonly weightLimit?: number | undefined;
}

/** A replay server in a process of its own; ends with its parent. */
async function main({ symbols, candles, weightLimit = PLENTY }: ReplaySpec): Promise<void> {
  const market = candles === undefined ? liveMarket(symbols) : keepMarket(symbols, candles);
  const server = await startReplayServer({ market, weightLimit });
  process.on('disconnect', () => void server.close().then(() => process.exit(0)));
  process.send?.({ url: server.url });
}

process.once('message', (spec: ReplaySpec) => void main(spec));
