// `npm start` as a person runs it: in a terminal's process group, with the commands that they type beside it.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);

export function startFleet(dataDir, flags) {
  const logFile = path.join(dataDir, 'npm-start.log');
  const out = openSync(logFile, 'a');
  // Detached: a process group of its own, so that Ctrl-C can be sent to all of it, as a terminal does.
  const child = spawn('npm', ['start', '--', '--data-dir', dataDir, ...flags], {
    cwd: root,
    detached: true,
    stdio: ['ignore', out, out],
  });
  const exited = once(child, 'exit');
  let known = new Set();

  return {
    log: () => readFileSync(logFile, 'utf8'),
    runFile: () => JSON.parse(readFileSync(path.join(dataDir, 'up.json'), 'utf8')),
    /** What a command prints, or an error with what it said. */
    async command(...args) {
      const { stdout } = await run(process.execPath, [
        path.join(root, 'scripts/candlefleet.mjs'),
        '--data-dir',
        dataDir,
        ...args,
      ]);
      return stdout.trim();
    },
    /** Answers npm's exit code, and which processes of the fleet are left. */
    async pressCtrlC() {
      known = descendantsOf(child.pid);
      process.kill(-child.pid, 'SIGINT');
      const [code] = await exited;
      return { code, left: [...known].filter(isAlive) };
    },
    /** Ends whatever a check that failed has left. */
    kill() {
      for (const pid of [...known, ...descendantsOf(child.pid)].filter(isAlive)) process.kill(pid, 'SIGKILL');
    },
  };
}

function descendantsOf(ancestor) {
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
  const pairs = rows.map((row) => row.trim().split(/\s+/).map(Number));
  const found = new Set([ancestor]);
  for (let size = 0; size < found.size;) {
    size = found.size;
    for (const [pid, parent] of pairs) if (found.has(parent)) found.add(pid);
  }
  return found;
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
