// Debian and Ubuntu: packages downloaded with apt's own folders elsewhere, unpacked and not installed: no root needed.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';

/**
 * Unpacks packages into a folder, and answers with a program of theirs, as `findUnpacked` does; with nothing where that
 * cannot be done. It appears there whole, whoever else is unpacking the same.
 */
export function unpackProgram(place, file, packages) {
  const draft = `${place}-${process.pid}`;
  try {
    if (!unpackDebs(draft, packages)) return undefined;
    const made = findUnpacked(place, file);
    if (made) return made;
    rmSync(place, { recursive: true, force: true });
    renameSync(draft, place);
    return findUnpacked(place, file);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** Unpacks packages, and the libraries they need that are not installed, into a folder. Answers whether it could. */
function unpackDebs(place, packages) {
  if (spawnSync('apt-get', ['--version']).status !== 0) return false;
  const debs = path.join(place, 'debs');
  for (const folder of [debs, `${place}/lists/partial`, `${place}/cache/archives/partial`])
    mkdirSync(folder, { recursive: true });
  const options = [
    '-q',
    '-o',
    `Dir::State::lists=${place}/lists`,
    '-o',
    `Dir::Cache=${place}/cache`,
    '-o',
    'Debug::NoLocking=1',
  ];
  const apt = (tool, ...args) =>
    execFileSync(tool, [...options, ...args], {
      cwd: debs,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  try {
    console.error(`Fetching ${packages.join(' and ')} for the tests …`);
    apt('apt-get', 'update');
    const depends = apt('apt-cache', 'depends', '--no-recommends', '--no-suggests', ...packages);
    const libraries = [...depends.matchAll(/Depends: (lib[^\s<>]+)/g)].map((match) => match[1]);
    const missing = [...new Set(libraries)].filter((name) => spawnSync('dpkg', ['-s', name]).status !== 0);
    apt('apt-get', 'download', ...packages, ...missing);
    for (const deb of readdirSync(debs)) execFileSync('dpkg', ['-x', path.join(debs, deb), place]);
    return true;
  } catch (error) {
    console.error(`It could not be fetched: ${error.stderr || error.message}`);
    return false;
  }
}

/** A program of what was unpacked, with the libraries that it needs, or nothing where it is not there or does not run. */
export function findUnpacked(place, file) {
  const program = path.join(place, file);
  if (!existsSync(program)) return undefined;
  const triplets = existsSync(path.join(place, 'usr/lib')) ? readdirSync(path.join(place, 'usr/lib')) : [];
  const folders = triplets.map((name) => path.join(place, 'usr/lib', name));
  const env = { ...process.env, LD_LIBRARY_PATH: folders.join(':') };
  return spawnSync(program, ['--version'], { env }).status === 0 ? { program, env } : undefined;
}
