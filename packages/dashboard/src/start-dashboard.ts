import { createServer, type Server } from 'node:http';
import { asFleetError, BadInputError } from '@candlefleet/core';
import type { Database } from '@candlefleet/db';
import { PROBES, type Health } from '@candlefleet/health';
import type { QueueConnection } from '@candlefleet/queue';
import express, { type ErrorRequestHandler, type Express } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import { keepRowsFirst } from './bull-board/keep-rows-first.js';
import { createBoard } from './bull-board/create-board.js';
import { guardRequests } from './guard-requests.js';

export interface DashboardOptions {
  readonly db: Database;
  readonly queues: QueueConnection;
  /** Loopback only, until there is a login. */
  readonly port: number;
  readonly log: Logger;
  /** What its probes answer. */
  readonly health: Health;
  /** How soon a new provider's queue is shown. */
  readonly refreshMs?: number;
}

export interface Dashboard {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

const HOST = '127.0.0.1';
const BOARD_PATH = '/queues';
const REFRESH_MS = 5_000;

/** Serves Bull Board and the probes. @throws BadInputError when the port is in use */
export async function startDashboard(options: DashboardOptions): Promise<Dashboard> {
  const { db, queues, log } = options;
  const board = createBoard({ db, queues, basePath: BOARD_PATH, log });
  await board.refresh();
  const timer = setInterval(() => {
    board.refresh().catch((error: unknown) => log.warn({ err: error }, 'queues not looked for'));
  }, options.refreshMs ?? REFRESH_MS);

  const app = express();
  app.disable('x-powered-by');
  app.use(helmet({ contentSecurityPolicy: { directives: POLICY }, strictTransportSecurity: false }));
  app.use(guardRequests());
  addProbes(app, options.health);
  app.get('/', (_request, response) => response.redirect(BOARD_PATH));
  app.use(BOARD_PATH, keepRowsFirst({ db, queues, board }), board.router);
  app.use((request, response) => {
    response.status(404).json({ error: `There is no ${request.path} here. Bull Board is at ${BOARD_PATH}.` });
  });
  app.use(tellError(log));

  const server = createServer(app);
  await listen(server, options.port);
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : options.port;
  return {
    url: `http://${HOST}:${port}`,
    port,
    close: () =>
      new Promise((resolve) => {
        clearInterval(timer);
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Bull Board writes style attributes and a <style>, so styles are open; scripts come from here alone. */
const POLICY = {
  defaultSrc: ["'self'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'", "'unsafe-inline'"],
  imgSrc: ["'self'", 'data:'],
  frameAncestors: ["'none'"],
  formAction: ["'self'"],
  upgradeInsecureRequests: null,
};

function addProbes(app: Express, health: Health): void {
  for (const probe of PROBES) {
    app.get(`/${probe}`, (_request, response) => {
      const { status, body } = health.answer(probe);
      response.status(status).set('cache-control', 'no-store').json(body);
    });
  }
}

function tellError(log: Logger): ErrorRequestHandler {
  return (thrown, request, response, _next) => {
    const error = asFleetError(thrown);
    log.error({ err: thrown, path: request.path, code: error.code }, 'a request failed');
    response.status(500).json({ error: `That did not work (${error.code}). The dashboard's log says more.` });
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') return reject(error);
      return reject(new BadInputError(`Port ${port} is in use. Set DASHBOARD_PORT to a free one.`, error));
    });
    server.listen(port, HOST, resolve);
  });
}
