/** What every benchmark gets. */
export interface Setting {
  /** Undefined where this machine has no Redis. */
  readonly redisUrl: string | undefined;
  readonly rounds: number;
  /** Progress, for who waits. */
  readonly tell: (line: string) => void;
}
