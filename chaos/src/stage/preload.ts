// Loaded into a role's process by NODE_OPTIONS=--import: its clock, and its points, are under control from then on.
import { subscribe } from 'node:diagnostics_channel';
import { appendFileSync, existsSync, readFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import type { Charge } from './charges.js';

const CLOCK_LOOK_MS = 100;

const clockFile = process.env['CHAOS_CLOCK'];
if (clockFile) bendClock(clockFile);
const charges = process.env['CHAOS_CHARGES'];
if (charges) {
  for (const point of (process.env['CHAOS_POINTS'] ?? '').split(','))
    subscribe(`candlefleet:${point}`, (message) => pass(charges, point, executionOf(message)));
}

/** The wall clock is off by what the file says, in milliseconds; steady clocks and timers are not. */
function bendClock(file: string): void {
  let offsetMs = 0;
  const look = () => {
    offsetMs = existsSync(file) ? Number(readFileSync(file, 'utf8')) || 0 : 0;
  };
  look();
  setInterval(look, CLOCK_LOOK_MS).unref();
  const RealDate = Date;
  const now = RealDate.now.bind(RealDate);
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now() + offsetMs] : args, newTarget),
    get: (target, key, receiver) =>
      key === 'now' ? () => now() + offsetMs : Reflect.get(target, key, receiver),
  });
}

function executionOf(message: unknown): string {
  return typeof message === 'object' && message !== null && 'executionId' in message
    ? String(message.executionId)
    : '';
}

/** Sets off the charge that lies at a point, if there is one and it is meant for this execution. */
function pass(folder: string, point: string, executionId: string): void {
  const file = path.join(folder, point);
  if (!existsSync(file)) return;
  let charge: Charge;
  try {
    charge = JSON.parse(readFileSync(file, 'utf8'));
    if (charge.executionId !== undefined && charge.executionId !== executionId) return;
    // One process takes it, whoever comes first; one that stays is for each who comes.
    if (!charge.stays) renameSync(file, `${file}.taken.${process.pid}`);
  } catch {
    return;
  }
  appendFileSync(
    path.join(folder, 'struck.log'),
    `${JSON.stringify({ point, pid: process.pid, executionId })}\n`,
  );
  if (charge.do === 'kill') process.kill(process.pid, 'SIGKILL');
  else if (charge.do === 'stop') process.kill(process.pid, 'SIGSTOP');
  else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, charge.ms);
}
