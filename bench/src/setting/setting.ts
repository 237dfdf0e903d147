/** What every benchmark gets. */
export interface Setting {
  /** Undefined where this machine has no Redis. */
  readonly redisUrl: string | undefined;
  readonly rounds: number;
  /** Also what takes a table of ten million rows. */
  readonly isLarge: boolean;
  /** Progress, for who waits. */
  readonly tell: (line: string) => void;
}
