export {
  type Producer,
  type ProducerOptions,
  type ProducerTimings,
  PRODUCER_TIMINGS,
  startProducer,
} from './start-producer.js';
