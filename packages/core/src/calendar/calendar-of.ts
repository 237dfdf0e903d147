import { FleetError } from '../errors.js';
import { alwaysOpen } from './always-open.js';
import type { Calendar } from './calendar.js';

const CALENDARS = new Map<string, Calendar>([[alwaysOpen.id, alwaysOpen]]);

/** @throws FleetError `calendar_unknown` */
export function calendarOf(id: string): Calendar {
  const calendar = CALENDARS.get(id);
  if (calendar) return calendar;
  throw new FleetError({
    code: 'calendar_unknown',
    message: `There is no calendar "${id}". Known: ${[...CALENDARS.keys()].join(', ')}.`,
    retryable: false,
  });
}
