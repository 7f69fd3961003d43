// Wrong wall clocks for real servers: tests/fault/clock is preloaded into them.
//
//   const clock = openClock(scope);
//   const redis = await startRedis(scope, { clock });
//   clock.set(3600_000);   // ahead by an hour from now on

import { openPreload } from './preload.js';

export function openClock(scope, offMs = 0) {
  const { env, write } = openPreload(scope, 'tests/fault/clock/clock.c', 'FAIRGATE_CLOCK_OFF', 8);
  const clock = {
    env,
    set(ms) {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64LE(BigInt(ms));
      write(bytes);
    },
  };
  clock.set(offMs);
  return clock;
}
