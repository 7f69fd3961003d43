// kill -9 of parts of a stack, one after the other, chosen by a seed. runit starts them again.

import { seededRng } from '../../tests/lib-js/rng.js';
import { delay } from '../../tests/lib-js/wait.js';

// The provider is not ours to kill: its ledger is what the audit compares with.
const OURS = /^(queue-front(-\d+)?|seat-service|payment-adapter|redis|postgres|demo-shop)$/;

// It begins when the first has come: the crowd logs its accounts in before, each by a token that is good once, and a
// token whose use was written down by a database that died before it said so opens nothing any more.
// -> over(): ends it and answers [{at_s, at_ms, part}]
export function killParts(stage, seed, log) {
  const { stack, settings } = stage;
  const { kill_every: everyMs, kill_for: forMs } = settings.stage;
  const rng = seededRng({ diagnostic: log }, seed);
  const killed = [];
  let stop = everyMs === 0;
  const job = (async () => {
    while (!stop && !await stage.anybodyThere()) await delay(100);
    const began = Date.now();
    while (!stop && (forMs === 0 || Date.now() < began + forMs)) {
      const next = Date.now() + everyMs * (0.5 + rng.unit());
      while (!stop && Date.now() < next) await delay(100);
      if (stop) break;
      const parts = Object.entries(await stack.parts()).filter(([name]) => OURS.test(name));
      const [part, { pid }] = parts[rng.below(parts.length)];
      if (!Number.isInteger(pid)) continue; // it is not back yet from the last time
      try {
        await stack.kill(part, pid);
      } catch (error) {
        if (error.code !== 'ESRCH') throw error;
        continue;
      }
      killed.push({ at_s: (Date.now() - began) / 1000, at_ms: Date.now(), part });
      log(`kill -9 ${part} (${killed.at(-1).at_s.toFixed(1)} s)`);
    }
  })();
  return async () => {
    stop = true;
    await job;
    return killed;
  };
}
