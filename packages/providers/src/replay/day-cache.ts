/** Values by key and day, computed once while they are remembered; the oldest are forgotten first. */
export interface DayCache<T> {
  get(key: string, day: number, compute: () => T): T;
}

export function createDayCache<T>(mostDays: number): DayCache<T> {
  const known = new Map<string, T>();
  return {
    get(key, day, compute) {
      const name = `${key} ${day}`;
      const found = known.get(name);
      if (found !== undefined) return found;
      const value = compute();
      if (known.size >= mostDays) {
        for (const oldest of known.keys()) {
          known.delete(oldest);
          break;
        }
      }
      known.set(name, value);
      return value;
    },
  };
}
