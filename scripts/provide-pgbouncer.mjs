// Finds a PgBouncer for the tests, or unpacks one into .candlefleet/tools.
import { spawnSync } from 'node:child_process';
import { findUnpacked, unpackPackages } from './unpack-packages.mjs';

const PGBOUNCER = { what: 'pgbouncer', packages: ['pgbouncer'], program: 'usr/sbin/pgbouncer' };

/** Variables by which the tests find it; none where there is none to be had. It is fetched only for those that need it. */
export function providePgbouncer(toolsDir, { isNeeded }) {
  if (spawnSync('pgbouncer', ['--version']).status === 0) return { TEST_PGBOUNCER: 'pgbouncer' };
  const found =
    findUnpacked(toolsDir, PGBOUNCER) ?? (isNeeded ? unpackPackages(toolsDir, PGBOUNCER) : undefined);
  if (!found) return {};
  return { TEST_PGBOUNCER: found.program, TEST_PGBOUNCER_LIBRARIES: found.env.LD_LIBRARY_PATH };
}
