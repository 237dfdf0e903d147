// Finds a pgbouncer for the tests of a pooler, or unpacks one into .candlefleet/tools.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { findUnpacked, unpackProgram } from './unpack-debs.mjs';

const PROGRAM = 'usr/sbin/pgbouncer';

/** Answers variables for the tests; none where there is no pgbouncer to be had. */
export function providePgbouncer(toolsDir) {
  const place = path.join(toolsDir, 'pgbouncer');
  const found = onPath() ?? findUnpacked(place, PROGRAM) ?? unpackProgram(place, PROGRAM, ['pgbouncer']);
  if (!found) return {};
  return { TEST_PGBOUNCER: found.program, TEST_PGBOUNCER_LIBRARIES: found.env.LD_LIBRARY_PATH ?? '' };
}

function onPath() {
  return ['pgbouncer', '/usr/sbin/pgbouncer']
    .filter((program) => spawnSync(program, ['--version']).status === 0)
    .map((program) => ({ program, env: process.env }))[0];
}
