import type { JobsOptions } from 'bullmq';
import { z } from 'zod';
import type { SchedulerSpec } from '../schedulers.js';

export const MAINTENANCE_QUEUE = 'maintenance';

const payload = z.strictObject({ v: z.literal(1) });

export const maintenanceJobSchema = z.discriminatedUnion('name', [
  z.object({ name: z.literal('retention'), data: payload }),
  z.object({ name: z.literal('sweep'), data: payload }),
]);

/** Upkeep comes round again by itself: of what is over, a few are enough to look at. */
const OPTIONS: JobsOptions = { removeOnComplete: { count: 100 }, removeOnFail: { count: 100 } };

/** Upkeep that belongs to no provider (DESIGN §7, UTC). */
export function maintenanceSchedulers(): SchedulerSpec[] {
  return [
    { id: 'retention', name: 'retention', pattern: '0 17 * * * *', data: { v: 1 }, options: OPTIONS },
    { id: 'sweep', name: 'sweep', pattern: '0 0 2 * * *', data: { v: 1 }, options: OPTIONS },
  ];
}
