const SECRET_PARAMETER =
  /([?&;\s"']|^)((?:api[_-]?key|apikey|secret|signature|token|access[_-]?token|password|passphrase|key)["']?\s*[=:]\s*["']?)[^&\s"',;)]+/gi;
const URL_CREDENTIALS = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@:]*:[^\s/@]*@/gi;
const BEARER = /\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}/gi;
// Postgres refuses U+0000 in text and lone surrogates in jsonb.
// eslint-disable-next-line no-control-regex
const UNSTORABLE = /\u0000|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;

/** Takes credentials out of a text, and characters that neither store accepts. */
export function redact(text: string): string {
  return storable(text)
    .replace(URL_CREDENTIALS, '$1[redacted]@')
    .replace(BEARER, '$1 [redacted]')
    .replace(SECRET_PARAMETER, '$1$2[redacted]');
}

/** The text without U+0000 and lone surrogates, which a queue or a database would refuse. */
export function storable(text: string): string {
  return text.replace(UNSTORABLE, '\uFFFD');
}
