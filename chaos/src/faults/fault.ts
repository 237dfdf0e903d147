import type { Load } from '../stage/load.js';
import type { Random } from '../random.js';
import type { Stage } from '../stage/stage.js';

/** What a fault has to do with. */
export interface Scene {
  readonly stage: Stage;
  readonly load: Load;
  readonly random: Random;
  /** How long the patient ones last at most. */
  readonly longestMs: number;
}

export interface Strike {
  /** Work was in progress on the broken part when it struck. */
  readonly landed: boolean;
  /** For the report: what was struck. */
  readonly what: string;
}

/** A way to break the fleet. What it broke is whole again when `strike` resolves; the fleet may still be recovering. */
export interface Fault {
  readonly kind: string;
  /** How often it is drawn, beside those of 1, which take minutes. */
  readonly share: number;
  /** Why it cannot be struck on this stage. */
  cannot?(stage: Stage): string | undefined;
  /** @throws BrokenPromiseError when the fleet did what it must not */
  strike(scene: Scene): Promise<Strike>;
}

/** What the fleet promised and did not keep. */
export class BrokenPromiseError extends Error {}

export function promise(isKept: boolean, what: string): asserts isKept {
  if (!isKept) throw new BrokenPromiseError(what);
}
