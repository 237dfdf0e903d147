export {
  type FleetWorker,
  type WorkerOptions,
  type WorkerTimings,
  WORKER_TIMINGS,
  startWorker,
} from './start-worker.js';
export { keepHeapSmall } from './keep-heap-small.js';
export { createRequestGate } from './request-gate.js';
