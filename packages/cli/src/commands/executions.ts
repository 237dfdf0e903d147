import { EXECUTION_STATUSES, type ExecutionStatus } from '@candlefleet/core';
import {
  cancelExecutions,
  listAttempts,
  listExecutions,
  readExecution,
  retryExecutions,
  type Database,
  type ExecutionRow,
} from '@candlefleet/db';
import { backfillQueueName } from '@candlefleet/queue';
import { BadInputError } from '@candlefleet/core';
import { openQueues } from '../connect-fleet.js';
import { NotFoundError } from '../errors.js';
import { renderTable, showTime } from '../terminal/table.js';
import { withWarehouse, type CommandContext } from './context.js';

const UNFINISHED: readonly ExecutionStatus[] = ['pending', 'in_progress'];
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const CLOSE_MS = 5_000;

export async function printExecutions(
  context: CommandContext,
  flags: { active?: boolean; status?: string; limit: number },
): Promise<void> {
  const statuses = flags.active ? UNFINISHED : flags.status ? [parseStatus(flags.status)] : undefined;
  const rows = await withWarehouse(context, (db) => listExecutions(db, { statuses, limit: flags.limit }));
  context.output.value(rows);
  if (rows.length === 0) {
    context.output.line(
      flags.active ? 'Nothing is pending or in progress.' : 'There are no such executions.',
    );
    return;
  }
  const headings = ['execution', 'series', 'kind', 'status', 'from', 'to', 'stored', 'tries', 'why'];
  context.output.line(
    renderTable(
      headings,
      rows.map((row) => [
        row.executionId,
        `${row.provider} ${row.symbol} ${row.timeframe}`,
        row.kind,
        row.status,
        showTime(row.fromMs),
        showTime(row.toMs),
        row.recordsInserted,
        row.tries,
        row.errorCode ?? row.pendingReason ?? row.outcome ?? '',
      ]),
    ),
  );
}

export async function printExecution(context: CommandContext, id: string): Promise<void> {
  await withWarehouse(context, async (db) => {
    const row = await requireExecution(db, id);
    const attempts = await listAttempts(db, id);
    context.output.value({ ...row, attempts });
    const facts = Object.entries(row)
      .filter(([, value]) => value !== null)
      .map(([key, value]) => [key, key.endsWith('Ms') ? showTime(Number(value)) : String(value)]);
    context.output.line(renderTable(['field', 'value'], facts));
    if (attempts.length === 0) return;
    context.output.line('\nAttempts that did not complete it:');
    context.output.line(
      renderTable(
        ['started', 'ended', 'worker', 'outcome', 'error'],
        attempts.map((one) => [
          showTime(one.startedMs),
          showTime(one.endedMs),
          one.workerId,
          one.outcome,
          [one.errorCode, one.errorMessage].filter(Boolean).join(': '),
        ]),
      ),
    );
  });
}

/** Runs a failed execution again: the same one, with retry_count + 1. */
export async function retry(context: CommandContext, ids: readonly string[]): Promise<void> {
  await withWarehouse(context, async (db) => {
    for (const id of ids) await requireExecution(db, id);
    const retried = await retryExecutions(db, ids, context.actor);
    context.output.value({ retried });
    context.output.line(
      `${retried.length} of ${ids.length} will run again; their jobs follow within seconds.`,
    );
    if (retried.length < ids.length) context.output.line('Only failed executions can be retried.');
  });
}

export async function cancel(context: CommandContext, ids: readonly string[]): Promise<void> {
  await withWarehouse(context, async (db) => {
    const rows: ExecutionRow[] = [];
    for (const id of ids) rows.push(await requireExecution(db, id));
    const cancelled = await cancelExecutions(db, ids, context.actor);
    // The rows say it already; the jobs are taken away so that nobody wonders.
    const queues = await openQueues(context.settings, 'cli', context.log);
    try {
      for (const row of rows) {
        if (cancelled.includes(row.executionId))
          await queues.removeJobs(backfillQueueName(row.provider), [row.executionId]);
      }
    } finally {
      await queues.close({ deadlineMs: CLOSE_MS });
    }
    context.output.value({ cancelled });
    context.output.line(`${cancelled.length} of ${ids.length} cancelled.`);
    if (cancelled.length < ids.length)
      context.output.line('Only pending executions and those in progress can be cancelled.');
  });
}

async function requireExecution(db: Database, id: string): Promise<ExecutionRow> {
  if (!UUID.test(id))
    throw new BadInputError(
      `"${id}" is no execution id: a UUID was expected, as \`npx candlefleet executions list\` shows.`,
    );
  const row = await readExecution(db, id);
  if (!row) throw new NotFoundError(`There is no execution ${id}.`);
  return row;
}

function parseStatus(text: string): ExecutionStatus {
  const status = EXECUTION_STATUSES.find((one) => one === text);
  if (status) return status;
  throw new BadInputError(`--status ${text}: there are ${EXECUTION_STATUSES.join(', ')}.`);
}
