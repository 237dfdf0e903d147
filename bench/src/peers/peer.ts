/** A queue that others would use in BullMQ's place. */
export interface Peer {
  readonly name: string;
  /** A job for each series, and no other. */
  add(seriesIds: readonly number[]): Promise<void>;
  /** Works until no job is left, so many at once. */
  drain(concurrency: number, handle: (seriesId: number) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}
