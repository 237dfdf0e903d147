import { parseArgs } from 'node:util';
import { benchBudget } from './benchmarks/budget.js';
import { benchChunk } from './benchmarks/chunk.js';
import { benchEndToEnd } from './benchmarks/end-to-end.js';
import { benchLatency } from './benchmarks/latency.js';
import { benchLifecycle } from './benchmarks/lifecycle.js';
import { benchMemory } from './benchmarks/memory.js';
import { benchPeers } from './benchmarks/peers.js';
import { benchRequests } from './benchmarks/requests.js';
import { benchSchedulers } from './benchmarks/schedulers.js';
import { formatReport, type Report } from './measure/report.js';
import type { Setting } from './setting/setting.js';

const BENCHMARKS: Record<string, (setting: Setting) => Promise<Report[]>> = {
  budget: benchBudget,
  chunk: benchChunk,
  'end-to-end': benchEndToEnd,
  latency: benchLatency,
  lifecycle: benchLifecycle,
  memory: benchMemory,
  peers: benchPeers,
  requests: benchRequests,
  schedulers: benchSchedulers,
};

const ROUNDS = 5;

/** Runs the named benchmarks, or all; prints a table each, or JSON. Answers the exit code. */
export async function runBenchmarks(args: readonly string[], redisUrl: string | undefined): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      large: { type: 'boolean', default: false },
    },
  });
  const rounds = Number(values.rounds ?? ROUNDS);
  const unknown = positionals.filter((name) => !(name in BENCHMARKS));
  if (unknown.length > 0 || !(rounds >= 1)) {
    console.error(
      `usage: npm run bench -- [${Object.keys(BENCHMARKS).join(' | ')}] [--rounds N] [--large] [--json]`,
    );
    return 2;
  }
  const reports: Report[] = [];
  for (const [name, bench] of Object.entries(BENCHMARKS)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    const tell = (line: string) => console.error(`${name}: ${line}`);
    const found = await bench({ redisUrl, rounds, tell, isLarge: values.large });
    reports.push(...found);
    if (!values.json) for (const report of found) console.log(`\n${formatReport(report)}`);
  }
  if (values.json) console.log(JSON.stringify(reports, undefined, 2));
  return 0;
}
