export { type QueueConnection, connectQueues } from './connect-queues.js';
export { PayloadError, QueueSilentError, QueueUnusableError } from './errors.js';
export type { EnsuredJobs } from './ensure-jobs.js';
export {
  type BackfillJob,
  backfillJobOptions,
  backfillJobSchema,
  backfillQueueName,
  executionIdOf,
  slotMsOf,
  tailSchedulerId,
} from './jobs/backfill.js';
export { MAINTENANCE_QUEUE, maintenanceJobSchema, maintenanceSchedulers } from './jobs/maintenance.js';
export { queueConnections } from './queue-connections.js';
export type { QueueOptions } from './open-backend.js';
export type { Scheduler, SchedulerSpec } from './schedulers.js';
export type { JobEnding, JobHandler, JobInHand, RunningWorker, WorkerSettings } from './start-worker.js';
