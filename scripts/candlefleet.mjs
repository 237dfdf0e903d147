#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// Plain syntax on purpose: an old Node must get as far as this line.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`candlefleet needs Node 20.19 or newer; this is ${process.versions.node}.`);
  process.exit(1);
}
const program = new URL('../packages/cli/dist/main.js', import.meta.url);
if (!existsSync(fileURLToPath(program))) {
  console.error(
    'candlefleet is not built yet. Run `npm start` once: it installs, builds and starts everything.',
  );
  process.exit(1);
}
await import(program.href);
