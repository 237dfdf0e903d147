/** How something is by now, in one sentence; when it is not well, what a person can do about it. */
export interface Finding {
  readonly ok: boolean;
  readonly found: string;
  readonly remedy?: string | undefined;
}

/** One thing that a probe depends on. */
export interface Check {
  readonly name: string;
  /** Answers from what is known: a probe waits for nobody. */
  look(): Finding;
}
