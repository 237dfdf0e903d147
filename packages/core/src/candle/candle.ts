/** One open-high-low-close-volume record. Prices and volume as the provider's decimal, in double precision. */
export interface Candle {
  /** When it opens, milliseconds since the epoch, UTC: its identity within a series. */
  readonly openMs: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
}
