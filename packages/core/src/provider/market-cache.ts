/** A provider's market list, kept for the whole fleet so that not every worker asks for it. */
export interface MarketCache {
  /** The stored text and its age, or undefined. */
  read(provider: string): Promise<{ markets: unknown; ageMs: number } | undefined>;
  write(provider: string, markets: unknown): Promise<void>;
}
