import path from 'node:path';
import { BadInputError } from '@candlefleet/core';
import { z } from 'zod';

const flag = z.enum(['true', 'false', '1', '0']).transform((text) => text === 'true' || text === '1');
const port = z.coerce.number().int().min(1).max(65_535);
const url = (protocols: RegExp, example: string) =>
  z.url({ protocol: protocols, error: `write it as ${example}` });

/** Every variable that candlefleet reads; .env.example documents them. */
const schema = z.object({
  DATABASE_URL: url(/^postgres(ql)?$/, 'postgres://host:5432/database with its user and password').optional(),
  REDIS_URL: url(/^rediss?$/, 'redis://host:6379').optional(),
  REDIS_ALLOW_EVICTION: flag.default(false),
  QUEUE_NAMESPACE: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,39}$/, 'up to 40 of a-z, 0-9 and _')
    .optional(),
  CANDLEFLEET_DATA_DIR: z.string().min(1).default('.candlefleet'),
  WORKER_CONCURRENCY: z.coerce.number().int().min(1).max(256).default(16),
  WORKER_QUEUES: z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((name) => name.trim())
        .filter(Boolean),
    )
    .optional(),
  LEASE_SECONDS: z.coerce.number().min(2).max(600).default(30),
  UP_WORKERS: z.coerce.number().int().min(1).max(64).default(2),
  DASHBOARD_PORT: port.optional(),
  EGRESS_GROUP: z.string().min(1).default('default'),
  SHUTDOWN_SECONDS: z.coerce.number().min(1).max(600).default(25),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
});

const baseUrl = url(/^https?$/, 'http://host:port');

export interface ProviderSettings {
  readonly baseUrl?: string | undefined;
  readonly credentials?: { apiKey: string; secret: string; password?: string | undefined } | undefined;
}

export interface Settings {
  readonly databaseUrl: string | undefined;
  readonly redisUrl: string | undefined;
  readonly allowEvictingRedis: boolean;
  readonly queueNamespace: string | undefined;
  readonly dataDir: string;
  readonly workerConcurrency: number;
  readonly workerQueues: readonly string[] | undefined;
  /** How long a worker that is heard of no more keeps what it holds. */
  readonly leaseMs: number;
  readonly upWorkers: number;
  readonly dashboardPort: number | undefined;
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
  for (const [name, value] of Object.entries(set)) {
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
    redisUrl: values.REDIS_URL,
    allowEvictingRedis: values.REDIS_ALLOW_EVICTION,
    queueNamespace: values.QUEUE_NAMESPACE,
    dataDir: path.resolve(dataDir ?? values.CANDLEFLEET_DATA_DIR),
    workerConcurrency: values.WORKER_CONCURRENCY,
    workerQueues: values.WORKER_QUEUES,
    leaseMs: values.LEASE_SECONDS * 1_000,
    upWorkers: values.UP_WORKERS,
    dashboardPort: values.DASHBOARD_PORT,
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
