export {
  type Producer,
  type ProducerOptions,
  type ProducerTimings,
  PRODUCER_TIMINGS,
  startProducer,
} from './start-producer.js';
export { type SyncDeps, syncSchedulers } from './sync-schedulers.js';
