import { z } from 'zod';
import type { SchedulerSpec } from '../schedulers.js';

export const MAINTENANCE_QUEUE = 'maintenance';

const payload = z.strictObject({ v: z.literal(1) });

export const maintenanceJobSchema = z.discriminatedUnion('name', [
  z.object({ name: z.literal('retention'), data: payload }),
  z.object({ name: z.literal('sweep'), data: payload }),
]);

/** Upkeep that belongs to no provider (DESIGN §7, UTC). */
export function maintenanceSchedulers(): SchedulerSpec[] {
  return [
    { id: 'retention', name: 'retention', pattern: '0 17 * * * *', data: { v: 1 } },
    { id: 'sweep', name: 'sweep', pattern: '0 0 2 * * *', data: { v: 1 } },
  ];
}
