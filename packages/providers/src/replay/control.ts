import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import type { Reply } from './binance-wire.js';
import type { FaultDie } from './fault-die.js';
import { faultPlanSchema } from './fault-plan.js';
import type { RequestLog } from './request-log.js';
import type { Revisions } from './revisions.js';

const LONGEST_PLAN_BYTES = 256 * 1024;
const count = z.coerce.number().int().min(0);
const requestsQuery = z.strictObject({
  after: count.default(0),
  limit: count.max(10_000).default(1_000),
  graceMs: count.default(1_000),
});

/** What a checker asks a running server, and how it changes its faults. None of it is counted as a request. */
export interface Control {
  handle(url: URL, request: IncomingMessage): Promise<Reply | undefined>;
}

export function createControl(deps: {
  log: RequestLog;
  die: FaultDie;
  revisions: Revisions;
  weightLimit: number;
}): Control {
  const { log, die, revisions, weightLimit } = deps;

  function requests(url: URL): Reply {
    const query = requestsQuery.safeParse(Object.fromEntries(url.searchParams));
    if (!query.success) return wrong(z.prettifyError(query.error));
    const { after, limit, graceMs } = query.data;
    const inBan = log.countInBan(graceMs);
    const body = { ...log.totals, weightLimit, graceMs, inBan, requests: log.after(after, limit) };
    return { status: 200, body };
  }

  function faults(): Reply {
    const { plan, struck, struckSinceStart } = die;
    return { status: 200, body: { plan, struck, struckSinceStart } };
  }

  async function changeFaults(request: IncomingMessage): Promise<Reply> {
    if (!isLoopback(request))
      return { status: 403, body: { error: 'Faults are changed from this machine only.' } };
    const text = await readText(request);
    if (text === undefined) return wrong(`a fault plan has at most ${LONGEST_PLAN_BYTES} bytes`);
    const json = parseJson(text);
    const parsed = faultPlanSchema.safeParse(json);
    if (!parsed.success)
      return wrong(json === undefined ? 'the body is no JSON' : z.prettifyError(parsed.error));
    die.replace(parsed.data);
    return faults();
  }

  return {
    async handle(url, request) {
      const asked = `${request.method ?? 'GET'} ${url.pathname}`;
      if (asked === 'GET /replay/requests') return requests(url);
      if (asked === 'GET /replay/faults') return faults();
      if (asked === 'PUT /replay/faults') return changeFaults(request);
      if (asked === 'GET /replay/revisions') return { status: 200, body: { revisions: revisions.list() } };
      return undefined;
    },
  };
}

function wrong(error: string): Reply {
  return { status: 400, body: { error } };
}

/** By address and by name: a page in a browser that was led here by DNS has another name. */
function isLoopback({ socket, headers }: IncomingMessage): boolean {
  const address = socket.remoteAddress ?? '';
  const name = (headers.host ?? '').replace(/:\d+$/, '');
  return /^(?:::ffff:)?127\.|^::1$/.test(address) && /^(?:127\.[\d.]+|localhost|\[::1\])$/.test(name);
}

async function readText(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request) {
    const chunk: Buffer = part;
    bytes += chunk.byteLength;
    if (bytes > LONGEST_PLAN_BYTES) return undefined;
    parts.push(chunk);
  }
  return Buffer.concat(parts).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
