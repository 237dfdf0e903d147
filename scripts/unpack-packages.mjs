// Debian and Ubuntu: packages downloaded with apt's own folders elsewhere, unpacked and not installed. No root needed.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';

/** The program in `<toolsDir>/<what>` with the environment that it needs, if it was unpacked there before. */
export function findUnpacked(toolsDir, { what, program }) {
  const place = path.join(toolsDir, what);
  const file = path.join(place, program);
  if (!existsSync(file)) return undefined;
  const libraries = path.join(place, 'usr/lib');
  const triplets = existsSync(libraries) ? readdirSync(libraries) : [];
  const folders = triplets.map((name) => path.join(libraries, name));
  const env = { ...process.env, LD_LIBRARY_PATH: folders.join(':') };
  return spawnSync(file, ['--version'], { env }).status === 0 ? { program: file, env } : undefined;
}

/** Fetches and unpacks it; undefined where that cannot be done. */
export function unpackPackages(toolsDir, { what, packages, program }) {
  if (spawnSync('apt-get', ['--version']).status !== 0) return undefined;
  const place = path.join(toolsDir, what);
  const debs = path.join(place, 'debs');
  for (const folder of [debs, `${place}/lists/partial`, `${place}/cache/archives/partial`])
    mkdirSync(folder, { recursive: true });
  const options = ['-q', '-o', `Dir::State::lists=${place}/lists`, '-o', `Dir::Cache=${place}/cache`];
  const apt = (tool, ...args) =>
    execFileSync(tool, [...options, '-o', 'Debug::NoLocking=1', ...args], {
      cwd: debs,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  try {
    console.error(`Fetching ${what} for the tests into .candlefleet/tools …`);
    apt('apt-get', 'update');
    const depends = apt('apt-cache', 'depends', '--no-recommends', '--no-suggests', ...packages);
    const libraries = [...depends.matchAll(/Depends: (lib[^\s<>]+)/g)].map((match) => match[1]);
    const missing = [...new Set(libraries)].filter((name) => spawnSync('dpkg', ['-s', name]).status !== 0);
    apt('apt-get', 'download', ...packages, ...missing);
    for (const deb of readdirSync(debs)) execFileSync('dpkg', ['-x', path.join(debs, deb), place]);
    return findUnpacked(toolsDir, { what, program });
  } catch (error) {
    console.error(`It could not be fetched: ${error.stderr || error.message}`);
    return undefined;
  }
}
