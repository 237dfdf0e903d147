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

interface Benchmark {
  readonly about: string;
  run(setting: Setting): Promise<Report[]>;
}

const BENCHMARKS: Record<string, Benchmark> = {
  budget: { about: "a provider's budget under backlog, by 1, 2, 4 and 8 workers", run: benchBudget },
  chunk: { about: 'the chunk function against one COPY', run: benchChunk },
  'end-to-end': { about: 'provider, queue, worker, table against that COPY; a profile', run: benchEndToEnd },
  latency: { about: 'from a slot to its row, with 1,000 and 10,000 series', run: benchLatency },
  lifecycle: { about: "a tail's life against bare BullMQ", run: benchLifecycle },
  memory: { about: 'a worker over ten million candles and 100,000 jobs', run: benchMemory },
  peers: { about: 'the same rows by pg-boss, graphile-worker and a plain loop', run: benchPeers },
  requests: { about: 'requests against the fewest possible, also with faults', run: benchRequests },
  schedulers: { about: '100,000 series against a loop of BullMQ upserts', run: benchSchedulers },
};

const ROUNDS = 5;

/** Runs the named benchmarks, or all; prints a table each, or JSON. Answers the exit code. */
export async function runBenchmarks(args: readonly string[], redisUrl: string | undefined): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      help: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      large: { type: 'boolean', default: false },
      rounds: { type: 'string' },
    },
  });
  const rounds = Number(values.rounds ?? ROUNDS);
  const isWrong = positionals.some((name) => !(name in BENCHMARKS)) || !(rounds >= 1);
  if (values.help || isWrong) {
    console.error(usage());
    return isWrong ? 2 : 0;
  }
  const reports: Report[] = [];
  for (const [name, { run }] of Object.entries(BENCHMARKS)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    const tell = (line: string) => console.error(`${name}: ${line}`);
    const found = await run({ redisUrl, rounds, tell, isLarge: values.large });
    reports.push(...found);
    if (!values.json) for (const report of found) console.log(`\n${formatReport(report)}`);
  }
  if (values.json) console.log(JSON.stringify(reports, undefined, 2));
  return 0;
}

function usage(): string {
  const names = Object.entries(BENCHMARKS).map(([name, { about }]) => `  ${name.padEnd(12)}${about}`);
  return [
    'usage: npm run bench -- [name …] [--rounds N] [--large] [--json]',
    ...names,
    `  --rounds    measured rounds after a warm-up; ${ROUNDS} by default`,
    '  --large     chunk: also into a table of ten million rows',
    '  --json      the tables as JSON',
  ].join('\n');
}
