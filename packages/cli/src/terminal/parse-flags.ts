import { BadInputError, isTimeframe, TIMEFRAMES, type Timeframe } from '@candlefleet/core';

const DATE = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})?)?$/;

/** An instant of a flag, in milliseconds; UTC where no offset stands. @throws BadInputError */
export function parseInstant(flag: string, text: string): number {
  const iso = text.replace(' ', 'T');
  const hasOffset = /(?:Z|[+-]\d{2}:\d{2})$/.test(iso) || !iso.includes('T');
  const ms = DATE.test(text) ? Date.parse(hasOffset ? iso : `${iso}Z`) : Number.NaN;
  // JavaScript takes 30 February for 1 March.
  const isDay = new Date(Date.parse(text.slice(0, 10))).toJSON()?.startsWith(text.slice(0, 10)) ?? false;
  if (Number.isNaN(ms) || !isDay)
    throw new BadInputError(`${flag} ${text}: write it as 2024-01-31 or 2024-01-31T13:00Z (UTC).`);
  return ms;
}

export function parseTimeframe(text: string): Timeframe {
  if (isTimeframe(text)) return text;
  throw new BadInputError(`There is no timeframe "${text}". There are ${TIMEFRAMES.join(', ')}.`);
}

export function parseTimeframes(text: string): Timeframe[] {
  return [...new Set(text.split(',').map((one) => parseTimeframe(one.trim())))];
}

export function parseSymbol(text: string): string {
  if (/^[^\s/]+\/[^\s/]+$/.test(text)) return text.toUpperCase();
  throw new BadInputError(`"${text}" is no symbol: write it as BASE/QUOTE, such as BTC/USDT.`);
}

export function parseCount(flag: string, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (Number.isInteger(count) && count > 0 && count <= most) return count;
    const expected = most < Number.MAX_SAFE_INTEGER ? `from 1 to ${most}` : 'above 0';
    throw new BadInputError(`${flag} ${text}: a whole number ${expected} was expected.`);
  };
}
