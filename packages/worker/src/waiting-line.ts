/** A line in front of something that one may use at a time. */
export interface WaitingLine {
  readonly isTaken: boolean;
  /** Waits for its turn, urgent ones first; answers how to leave. @throws the signal's reason */
  enter(options: { urgent: boolean; signal: AbortSignal }): Promise<() => void>;
}

export function createWaitingLine(): WaitingLine {
  const urgent = new Set<() => void>();
  const others = new Set<() => void>();
  let isTaken = false;

  function leave(): void {
    const [next] = urgent.size > 0 ? urgent : others;
    if (next) next();
    else isTaken = false;
  }

  return {
    get isTaken() {
      return isTaken;
    },
    enter({ urgent: isUrgent, signal }) {
      if (!isTaken) {
        isTaken = true;
        return Promise.resolve(leave);
      }
      const line = isUrgent ? urgent : others;
      return new Promise((resolve, reject) => {
        const giveUp = () => {
          line.delete(goOn);
          reject(signal.reason);
        };
        const goOn = () => {
          line.delete(goOn);
          signal.removeEventListener('abort', giveUp);
          resolve(leave);
        };
        line.add(goOn);
        signal.addEventListener('abort', giveUp, { once: true });
      });
    },
  };
}
