import { migrateFleet } from '../connect-fleet.js';
import type { CommandContext } from './context.js';

export async function migrate({ settings, output }: CommandContext): Promise<void> {
  await migrateFleet(settings);
  output.value({ migrated: true });
  output.line('The database has the schema of this candlefleet.');
}
