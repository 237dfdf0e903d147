// Types, lint and cycles, format, boundaries, unused code, tests; and a proof that it can go red.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (name) => path.join(root, 'node_modules/.bin', name);
const withoutTests = process.argv.includes('--without-tests');

const lint = [bin('oxlint'), '--quiet'];
const boundaries = [process.execPath, path.join(root, 'scripts/check-boundaries.mjs')];

const steps = [
  ['types', [bin('tsc'), '-b', 'packages']],
  ['types of tests', [bin('tsc'), '-p', 'tsconfig.tests.json']],
  ['lint and import cycles', lint],
  ['format', [bin('prettier'), '--check', '--log-level=warn', '.']],
  ['package boundaries', boundaries],
  ['unused files, exports and dependencies', [bin('knip'), '--no-progress']],
];

let isRed = false;
for (const [what, command] of steps) {
  const { status, stdout, stderr } = spawnSync(command[0], command.slice(1), { cwd: root, encoding: 'utf8' });
  console.log(`${status === 0 ? 'ok ' : 'RED'} ${what}`);
  if (status === 0) continue;
  isRed = true;
  console.log(`${stdout}${stderr}`);
}
proveItGoesRed();
if (
  !withoutTests &&
  spawnSync(process.execPath, ['scripts/test.mjs'], { cwd: root, stdio: 'inherit' }).status !== 0
)
  isRed = true;
process.exitCode = isRed ? 1 : 0;

/** A forbidden import and an import cycle, each planted in a copy, must be found there. */
function proveItGoesRed() {
  const copy = mkdtempSync(path.join(os.tmpdir(), 'candlefleet-verify-'));
  try {
    const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], {
      cwd: root,
      encoding: 'utf8',
    })
      .trim()
      .split('\n');
    for (const file of files)
      cpSync(path.join(root, file), path.join(copy, file), { recursive: true, force: true });
    symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
    const plant = (file, text) => writeFileSync(path.join(copy, 'packages/core/src', file), text);
    expectChange('a forbidden import', copy, [...boundaries, copy], () =>
      plant('planted.ts', "export { connectDatabase } from '@candlefleet/db';\n"),
    );
    expectChange('an import cycle', copy, lint, () => {
      plant('planted.ts', "import { b } from './planted-too.js';\nexport const a = (): number => b();\n");
      plant('planted-too.ts', "import { a } from './planted.js';\nexport const b = (): number => a();\n");
    });
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function expectChange(what, cwd, command, plant) {
  const run = () => spawnSync(command[0], command.slice(1), { cwd, encoding: 'utf8' }).status;
  const before = run();
  plant();
  const after = run();
  const goesRed = before === 0 && after !== 0;
  console.log(`${goesRed ? 'ok ' : 'RED'} ${what} would be found`);
  if (!goesRed) isRed = true;
}
