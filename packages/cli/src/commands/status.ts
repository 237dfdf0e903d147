import { readRunFile } from '../up/run-file.js';
import { readStatus, type SeriesLine } from '../read-status.js';
import { renderTable, show } from '../terminal/table.js';
import { withWarehouse, type CommandContext } from './context.js';

/** How complete the warehouse is, series by series. */
export async function printStatus(context: CommandContext): Promise<void> {
  const { output, settings } = context;
  const run = readRunFile(settings.dataDir);
  const { complete, series, fleet } = await withWarehouse(context, readStatus);
  const { pending, inProgress, failed } = fleet;
  const workers = fleet.workers.filter((worker) => worker.isAlive);
  output.value({
    complete,
    asOf: new Date(fleet.nowMs).toISOString(),
    dashboardUrl: run?.dashboardUrl ?? null,
    replayUrl: run?.replayUrl ?? null,
    executions: { pending, inProgress, failed },
    workers,
    series,
  });
  if (series.length === 0) {
    output.line(
      'Nothing is tracked yet: `npx candlefleet symbols add BTC/USDT --provider binance --timeframes 1h` begins.',
    );
  } else {
    const rows = series.map((one) => [
      one.provider,
      one.symbol,
      one.timeframe,
      one.wantedCandles,
      one.storedCandles,
      one.missingCandles,
      one.gapCandles,
      one.lastCandle?.slice(0, 16).replace('T', ' ') ?? '-',
      one.state,
    ]);
    output.line(
      renderTable(
        ['provider', 'symbol', 'timeframe', 'wanted', 'stored', 'missing', 'gaps', 'last candle', 'state'],
        rows,
      ),
    );
    const count = (state: SeriesLine['state']) => series.filter((one) => one.state === state).length;
    const waiting = count('waiting');
    const rest = waiting > 0 ? `, ${waiting} waiting for a candle that has just closed` : '';
    output.line(
      `\n${complete ? 'Complete' : `${count('complete')} of ${series.length} series complete${rest}`}. Executions: ${show(pending)} pending, ${show(inProgress)} in progress, ${show(failed)} failed.`,
    );
  }
  output.line(
    `Workers: ${workers.length === 0 ? 'none' : workers.map((one) => `${one.host} (${one.held} in hand)`).join(', ')}.`,
  );
  if (run)
    output.line(`Dashboard: ${run.dashboardUrl}${run.replayUrl ? `   Replay server: ${run.replayUrl}` : ''}`);
}
