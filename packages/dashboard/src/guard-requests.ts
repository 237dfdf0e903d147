import type { RequestHandler } from 'express';

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
const CHANGES = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/**
 * Without a login only this machine's own pages may ask. The Host is checked against DNS rebinding, the Origin and
 * Sec-Fetch-Site against other sites' pages, and a body must be JSON: a form can be sent from anywhere.
 */
export function guardRequests(): RequestHandler {
  return (request, response, next) => {
    const refuse = (status: number, message: string) => {
      response.status(status).json({ error: message });
    };
    const host = request.headers.host ?? '';
    if (!LOOPBACK.has(hostnameOf(`http://${host}`))) {
      return refuse(
        403,
        `The dashboard answers on this machine only (localhost or 127.0.0.1), and was asked as "${host}".`,
      );
    }
    const { origin } = request.headers;
    if (origin !== undefined && origin !== `http://${host}`) {
      return refuse(403, 'Requests from pages of other sites are refused.');
    }
    if (!CHANGES.has(request.method)) return next();
    const site = request.headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin' && site !== 'none') {
      return refuse(403, 'Requests from pages of other sites are refused.');
    }
    if (request.headers['content-type'] !== undefined && !request.is('application/json')) {
      return refuse(
        415,
        'A request that changes something carries JSON (content-type: application/json) or nothing.',
      );
    }
    return next();
  };
}

function hostnameOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : '';
}
