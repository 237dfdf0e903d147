// Imports point down only (DESIGN: layout). Fails on an import between packages that the table does not allow.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

/** Package → what it may import. */
const ALLOWED = {
  core: [],
  db: ['core'],
  queue: ['core'],
  health: ['core'],
  providers: ['core'],
  producer: ['core', 'db', 'queue', 'health'],
  worker: ['core', 'db', 'queue', 'health'],
  dashboard: ['core', 'db', 'queue', 'health'],
  cli: ['core', 'db', 'queue', 'health', 'providers', 'producer', 'worker', 'dashboard'],
  testing: ['core'],
  bench: ['core', 'db', 'queue', 'providers', 'producer', 'worker', 'testing'],
  chaos: ['core', 'db', 'queue', 'providers', 'testing'],
};
/** Tests of a process's package may wire up the rest, as its main does. */
const TEST_ALLOWED = new Set(Object.keys(ALLOWED));

/** Beside `packages`, not in it. */
const TOP_LEVEL = new Set(['bench', 'chaos']);

const root = path.resolve(process.argv[2] ?? '.');
const faults = [];

function walk(folder, visit) {
  for (const name of readdirSync(folder)) {
    const file = path.join(folder, name);
    if (name === 'node_modules' || name === 'dist') continue;
    if (statSync(file).isDirectory()) walk(file, visit);
    else if (/\.(?:ts|tsx|mts)$/.test(name)) visit(file);
  }
}

for (const [name, allowed] of Object.entries(ALLOWED)) {
  const folder = TOP_LEVEL.has(name) ? path.join(root, name) : path.join(root, 'packages', name);
  walk(folder, (file) => {
    const isTest = file.endsWith('.test.ts') || file.includes(`${path.sep}test${path.sep}`);
    const text = readFileSync(file, 'utf8');
    for (const [, specifier] of text.matchAll(/(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)) {
      const told = `${path.relative(root, file)} imports ${specifier}`;
      const [, target, rest] = /^@candlefleet\/([^/]+)(\/.*)?$/.exec(specifier) ?? [];
      if (target && target !== name && !(isTest ? TEST_ALLOWED.has(target) : allowed.includes(target)))
        faults.push(told);
      if (rest) faults.push(`${told}: only a package's index is public`);
      if (
        specifier.startsWith('.') &&
        !path.resolve(path.dirname(file), specifier).startsWith(folder + path.sep)
      )
        faults.push(told);
    }
  });
}

if (faults.length > 0) {
  console.error(`Imports that the layout forbids:\n  ${faults.join('\n  ')}`);
  process.exit(1);
}
console.log('Package boundaries hold.');
