import { clocks } from './clocks.js';
import { deployStorm } from './deploys.js';
import { diskFull } from './disk.js';
import type { Fault } from './fault.js';
import { operators, sameBackfills, symbolComesAndGoes } from './people.js';
import {
  connectionsTerminated,
  outcomeUnknown,
  postgresDown,
  postgresDownAtBoot,
  serverEnds,
} from './postgres.js';
import { providerLies } from './provider.js';
import { queueForgets, redisDownAtBoot, redisFull, redisRestarted, redisRestartedEmpty } from './redis.js';
import { upKilled } from './up.js';
import { blackHole, cutEverySecond, drip, latency, reset } from './wires.js';
import { killed, killedAgainAndAgain, killedAtPoints, poison, stopped } from './workers.js';

/** All ways to break the fleet that there are. */
export const FAULTS: readonly Fault[] = [
  ...killedAtPoints,
  ...killed,
  killedAgainAndAgain,
  ...stopped,
  poison,
  ...serverEnds,
  postgresDown,
  postgresDownAtBoot,
  connectionsTerminated,
  outcomeUnknown,
  redisRestarted,
  redisRestartedEmpty,
  redisFull,
  redisDownAtBoot,
  queueForgets,
  cutEverySecond,
  reset,
  latency,
  drip,
  blackHole,
  ...clocks,
  diskFull,
  providerLies,
  deployStorm,
  upKilled,
  sameBackfills,
  symbolComesAndGoes,
  operators,
];
