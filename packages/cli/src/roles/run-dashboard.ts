import { startDashboard } from '@candlefleet/dashboard';
import { DASHBOARD_PORT, type Settings } from '../environment.js';
import { openStores } from './open-stores.js';
import { runRole } from './run-role.js';

export function runDashboard(settings: Settings): Promise<void> {
  // Its own server answers the probes.
  return runRole({ ...settings, healthPort: undefined }, 'dashboard', async (start) => {
    const stores = await openStores('dashboard', start);
    const { db, queues } = stores;
    const { log, health } = start;
    const port = settings.dashboardPort ?? DASHBOARD_PORT;
    const dashboard = await startDashboard({ db, queues, log, health, port });
    return {
      ready: { url: dashboard.url, probes: dashboard.url },
      async close(deadlineMs) {
        await dashboard.close();
        await stores.close(deadlineMs);
      },
    };
  });
}
