import { FleetError } from '@candlefleet/core';
import { DatabaseError } from '@candlefleet/db';

/** SQLSTATEs of a database that lacks our tables, views or functions. */
const NO_SCHEMA = new Set(['42P01', '42883', '3F000', '42703']);
/** The role, its password or the database is not known there. */
const NOT_LET_IN = new Set(['28P01', '28000', '3D000']);

/** What a person can do about a database that cannot be used; any other error as it is. */
export function explainDatabase(thrown: unknown, url: string): unknown {
  if (!(thrown instanceof DatabaseError)) return thrown;
  const message = explanation(thrown, new URL(url).host);
  if (!message) return thrown;
  return new FleetError({ code: 'database_unusable', message, retryable: false, cause: thrown });
}

function explanation({ sqlState, cause }: DatabaseError, host: string): string | undefined {
  if (sqlState && NO_SCHEMA.has(sqlState))
    return `The database at ${host} has not the schema of this candlefleet: \`candlefleet migrate\` brings it.`;
  if (sqlState && NOT_LET_IN.has(sqlState))
    return `The database at ${host} does not let us in (SQLSTATE ${sqlState}). Check user, password and database name of DATABASE_URL.`;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (/^E[A-Z_]+$|^CONNECT/.test(code))
    return `The database at ${host} does not answer (${code}). Check that its server is up, and DATABASE_URL.`;
  return undefined;
}
