import path from 'node:path';
import { BadInputError } from '@candlefleet/core';
import { z } from 'zod';

const flag = z
  .enum(['true', 'false', '1', '0'], { error: 'write true or false' })
  .transform((text) => text === 'true' || text === '1');
const whole = (min: number, max: number) => {
  const error = `a whole number from ${min} to ${max} was expected`;
  return z.string().regex(/^\d+$/, error).transform(Number).pipe(z.number().min(min, error).max(max, error));
};
/** Where the dashboard listens when nothing else is said. */
export const DASHBOARD_PORT = 8420;
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
const url = (protocols: RegExp, example: string) =>
  z.url({ protocol: protocols, error: `write it as ${example}` });

/** Every variable that candlefleet reads; .env.example documents them. */
const schema = z.object({
  DATABASE_URL: url(/^postgres(ql)?$/, 'postgres://host:5432/database with its user and password').optional(),
  DATABASE_DIRECT_URL: url(
    /^postgres(ql)?$/,
    'postgres://host:5432/database, the server behind the pooler that DATABASE_URL names',
  ).optional(),
  REDIS_URL: url(/^rediss?$/, 'redis://host:6379').optional(),
  REDIS_ALLOW_EVICTION: flag.default(false),
  QUEUE_NAMESPACE: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,39}$/, 'a letter of a-z, then up to 39 of a-z, 0-9 and _')
    .optional(),
  CANDLEFLEET_DATA_DIR: z.string().min(1).default('.candlefleet'),
  WORKER_CONCURRENCY: whole(1, 256).prefault('16'),
  WORKER_QUEUES: z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((name) => name.trim())
        .filter(Boolean),
    )
    .optional(),
  LEASE_SECONDS: whole(2, 600).prefault('30'),
  PROGRESS_SECONDS: whole(1, 3_600).prefault('60'),
  UPKEEP_SECONDS: whole(1, 60).prefault('10'),
  SYNC_SECONDS: whole(1, 600).prefault('60'),
  UP_WORKERS: whole(1, 64).prefault('2'),
  DASHBOARD_PORT: whole(1, 65_535).optional(),
  HEALTH_PORT: whole(0, 65_535).optional(),
  HEALTH_HOST: z.string().min(1).default('127.0.0.1'),
  EGRESS_GROUP: z.string().min(1).default('default'),
  SHUTDOWN_SECONDS: whole(1, 600).prefault('25'),
  LOG_LEVEL: z.enum(LOG_LEVELS, { error: `one of ${LOG_LEVELS.join(', ')} was expected` }).default('info'),
});

/** Their names: .env.example is held to them. */
export const VARIABLES: readonly string[] = Object.keys(schema.shape);

const baseUrl = url(/^https?$/, 'http://host:port');

export interface ProviderSettings {
  readonly baseUrl?: string | undefined;
  readonly credentials?: { apiKey: string; secret: string; password?: string | undefined } | undefined;
}

export interface Settings {
  readonly databaseUrl: string | undefined;
  /** The server itself, where `databaseUrl` is a pooler in transaction mode. */
  readonly databaseDirectUrl: string | undefined;
  readonly redisUrl: string | undefined;
  readonly allowEvictingRedis: boolean;
  readonly queueNamespace: string | undefined;
  readonly dataDir: string;
  readonly workerConcurrency: number;
  readonly workerQueues: readonly string[] | undefined;
  /** How long a worker that is heard of no more keeps what it holds. */
  readonly leaseMs: number;
  /** How long a worker may make no progress although there is work. */
  readonly progressMs: number;
  /** How often the producer plans, brings lost jobs back, and takes back what dead workers held. */
  readonly upkeepMs: number;
  /** How often the producer compares the queue's schedulers with the watchlist. */
  readonly syncMs: number;
  readonly upWorkers: number;
  readonly dashboardPort: number | undefined;
  /** Where all but the dashboard serve their probes; undefined: nowhere, 0: on a free port. */
  readonly healthPort: number | undefined;
  readonly healthHost: string;
  readonly egressGroup: string;
  readonly shutdownMs: number;
  readonly logLevel: string;
  provider(id: string): ProviderSettings;
}

/** Reads the environment; every mistake is told at once. @throws BadInputError */
export function readSettings(env: NodeJS.ProcessEnv, dataDir?: string): Settings {
  // An empty variable is an unset one: compose files write them so.
  const set = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = schema.safeParse(set);
  const mistakes = parsed.success
    ? []
    : parsed.error.issues.map(
        (issue) => `${issue.path.join('.')}="${shown(set, issue.path[0])}": ${issue.message}`,
      );
  if (set['DATABASE_DIRECT_URL'] !== undefined && set['DATABASE_URL'] === undefined)
    mistakes.push('DATABASE_DIRECT_URL is set without DATABASE_URL: it names the server behind that pooler');
  for (const [name, value] of Object.entries(set)) {
    const partner = name.replace(/^PROVIDER_(API_KEY|SECRET)_/, (_, what) =>
      what === 'SECRET' ? 'PROVIDER_API_KEY_' : 'PROVIDER_SECRET_',
    );
    if (set[partner] === undefined) mistakes.push(`${name} is set without ${partner}: set both, or none`);
    if (name.startsWith('PROVIDER_BASE_URL_') && !baseUrl.safeParse(value).success) {
      mistakes.push(`${name}="${value ?? ''}": write it as http://host:port`);
    }
  }
  if (!parsed.success || mistakes.length > 0) {
    throw new BadInputError(
      `The environment has ${mistakes.length === 1 ? 'a mistake' : 'mistakes'}:\n  ${mistakes.join('\n  ')}`,
    );
  }
  const values = parsed.data;
  return {
    databaseUrl: values.DATABASE_URL,
    databaseDirectUrl: values.DATABASE_DIRECT_URL,
    redisUrl: values.REDIS_URL,
    allowEvictingRedis: values.REDIS_ALLOW_EVICTION,
    queueNamespace: values.QUEUE_NAMESPACE,
    dataDir: path.resolve(dataDir ?? values.CANDLEFLEET_DATA_DIR),
    workerConcurrency: values.WORKER_CONCURRENCY,
    workerQueues: values.WORKER_QUEUES,
    leaseMs: values.LEASE_SECONDS * 1_000,
    progressMs: values.PROGRESS_SECONDS * 1_000,
    upkeepMs: values.UPKEEP_SECONDS * 1_000,
    syncMs: values.SYNC_SECONDS * 1_000,
    upWorkers: values.UP_WORKERS,
    dashboardPort: values.DASHBOARD_PORT,
    healthPort: values.HEALTH_PORT,
    healthHost: values.HEALTH_HOST,
    egressGroup: values.EGRESS_GROUP,
    shutdownMs: values.SHUTDOWN_SECONDS * 1_000,
    logLevel: values.LOG_LEVEL,
    provider(id) {
      const suffix = id.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_');
      const apiKey = set[`PROVIDER_API_KEY_${suffix}`];
      const secret = set[`PROVIDER_SECRET_${suffix}`];
      const password = set[`PROVIDER_PASSWORD_${suffix}`];
      return {
        baseUrl: set[`PROVIDER_BASE_URL_${suffix}`],
        credentials: apiKey && secret ? { apiKey, secret, password } : undefined,
      };
    },
  };
}

/** A URL may hold a password: its value is not told. */
function shown(set: Record<string, string | undefined>, name: PropertyKey | undefined): string {
  const value = set[String(name)] ?? '';
  return String(name).endsWith('_URL') ? '…' : value;
}
