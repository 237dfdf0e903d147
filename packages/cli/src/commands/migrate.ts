import { migrateWarehouse } from '../connect-fleet.js';
import type { CommandContext } from './context.js';

export async function migrate({ settings, output }: CommandContext): Promise<void> {
  await migrateWarehouse(settings);
  output.value({ migrated: true });
  output.line('The database has the schema of this candlefleet.');
}
