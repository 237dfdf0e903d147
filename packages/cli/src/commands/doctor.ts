import { asFleetError } from '@candlefleet/core';
import { listProviders, readFleetFacts, type Database, type Evidence } from '@candlefleet/db';
import { providerTraits } from '@candlefleet/providers';
import { locateFleet, openQueues, openWarehouse, withSource } from '../connect-fleet.js';
import { EXIT, exitCodeOf } from '../errors.js';
import { checkDeeply, type DeepWishes } from './check-deeply.js';
import type { CommandContext } from './context.js';
import { checkConnections } from './doctor-connections.js';

interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly found: string;
  readonly remedy?: string;
  readonly evidence?: readonly Evidence[];
}

const OLDEST_NODE = [20, 19] as const;
const OLDEST_POSTGRES = 150_000;
const WORST_SKEW_MS = 2_000;
const PING_MS = 10_000;
const CLOSE_MS = 5_000;

/**
 * Looks at everything that the fleet stands on, and deeply also at what is stored; each finding with its remedy. Answers
 * the exit code.
 */
export async function doctor(context: CommandContext, deep?: DeepWishes): Promise<number> {
  const findings: Finding[] = [checkNode()];
  let db: Database | undefined;
  let code: number = EXIT.failed;
  try {
    const { redisUrl } = locateFleet(context.settings);
    db = openWarehouse(context.settings, 'candlefleet doctor');
    findings.push(...(await checkDatabase(db)));
    findings.push(await checkConnections(db, redisUrl ? 'redis' : 'postgres'));
    const queue = await checkQueue(context);
    findings.push(queue);
    for (const provider of await providersToTry(db))
      findings.push(await checkProvider(context, db, provider));
    if (deep) findings.push(...(await checkDeeply(context, { db, queueAnswers: queue.ok }, deep)));
  } catch (thrown) {
    const error = asFleetError(thrown);
    code = exitCodeOf(error);
    findings.push({ check: 'fleet', ok: false, found: error.message });
  } finally {
    await db?.close();
  }
  context.output.value({ ok: findings.every((one) => one.ok), findings });
  for (const finding of findings) print(context, finding);
  return findings.every((one) => one.ok) ? 0 : code;
}

function print({ output }: CommandContext, { check, ok, found, remedy, evidence = [] }: Finding): void {
  const below = (text: string) => output.line(`     ${''.padEnd(22)} ${text}`);
  output.line(`${ok ? 'ok  ' : 'BAD '} ${check.padEnd(22)} ${found}`);
  if (ok) return;
  for (const one of evidence)
    below(
      Object.entries(one)
        .map(([key, value]) => `${key} ${value ?? 'none'}`)
        .join(', '),
    );
  if (remedy) below(`→ ${remedy}`);
}

function checkNode(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const ok = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  return { check: 'Node', ok, found: process.versions.node, remedy: 'Install Node 20.19 or newer.' };
}

async function checkDatabase(db: Database): Promise<Finding[]> {
  const sentMs = Date.now();
  const dbMs = await db.clockMs();
  const skewMs = Math.round(dbMs - (sentMs + Date.now()) / 2);
  const [server] = await db.run(
    'server facts',
    (sql) => sql<{ num: number; text: string }[]>`
      select current_setting('server_version_num')::int as num, current_setting('server_version') as text`,
  );
  const { num = 0, text = '?' } = server ?? {};
  const { workers } = await readFleetFacts(db);
  const alive = workers.filter((worker) => worker.isAlive).length;
  return [
    {
      check: 'database',
      ok: num >= OLDEST_POSTGRES,
      found: `Postgres ${text}`,
      remedy: 'Use Postgres 15 or newer.',
    },
    {
      check: 'clock',
      ok: Math.abs(skewMs) <= WORST_SKEW_MS,
      found: `${skewMs} ms off the database's`,
      remedy: "Set this machine's clock (chrony, ntp): workers refuse to store until then.",
    },
    {
      check: 'workers',
      ok: alive > 0,
      found: `${alive} alive`,
      remedy: 'Start one with `candlefleet worker`, or all with `npm start`.',
    },
  ];
}

async function checkQueue(context: CommandContext): Promise<Finding> {
  const signal = AbortSignal.timeout(PING_MS);
  try {
    const queues = await openQueues(context.settings, 'doctor', context.log, signal);
    await queues.ping();
    const { backend } = queues;
    await queues.close({ deadlineMs: CLOSE_MS });
    return {
      check: 'queue',
      ok: true,
      found: backend === 'redis' ? 'Redis' : 'in Postgres (the single-machine mode)',
    };
  } catch (thrown) {
    return {
      check: 'queue',
      ok: false,
      found: asFleetError(thrown).message,
      remedy: 'Check REDIS_URL, and that its server is up.',
    };
  }
}

async function providersToTry(db: Database): Promise<string[]> {
  const known = await listProviders(db);
  return known.length > 0 ? known : ['binance'];
}

async function checkProvider(context: CommandContext, db: Database, provider: string): Promise<Finding> {
  const check = `provider ${provider}`;
  try {
    await withSource({ ...context, db }, provider, (source) => source.ping(AbortSignal.timeout(PING_MS)));
    const { limit, windowMs } = providerTraits(provider).budget;
    return { check, ok: true, found: `answers; budget ${limit} in ${windowMs / 1_000} s` };
  } catch (thrown) {
    return {
      check,
      ok: false,
      found: asFleetError(thrown).message,
      remedy: 'Check the network, a proxy, or PROVIDER_BASE_URL_… .',
    };
  }
}
