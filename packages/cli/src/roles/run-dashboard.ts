import { startDashboard } from '@candlefleet/dashboard';
import { migrateWarehouse, openQueues, openWarehouse } from '../connect-fleet.js';
import { DASHBOARD_PORT, type Settings } from '../environment.js';
import { runRole } from './run-role.js';
import { warnOfConnections } from './warn-of-connections.js';
import { whenReachable } from './when-reachable.js';

export function runDashboard(settings: Settings): Promise<void> {
  return runRole(settings, 'dashboard', async (log, signal) => {
    await whenReachable(() => migrateWarehouse(settings), log, signal);
    const db = openWarehouse(settings, 'dashboard', 4);
    const queues = await openQueues(settings, 'dashboard', log, signal);
    const role = { beside: 0, consumes: false };
    await whenReachable(() => warnOfConnections({ db, queues, log }, role), log, signal);
    const dashboard = await startDashboard({
      db,
      queues,
      log,
      port: settings.dashboardPort ?? DASHBOARD_PORT,
    });
    return {
      ready: { url: dashboard.url },
      async close(deadlineMs) {
        await dashboard.close();
        await queues.close({ deadlineMs });
        await db.close();
      },
    };
  });
}
