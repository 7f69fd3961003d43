// Kills parts of a stack with kill -9, one at a time, chosen by a seed. runit restarts them.

import { seededRng } from '../../tests/lib-js/rng.js';
import { delay } from '../../tests/lib-js/wait.js';

// Never kills the payment provider: the audit compares against its ledger.
const OURS = /^(queue-front(-\d+)?|seat-service|payment-adapter|redis|postgres|demo-shop)$/;

// Begins once the first visitor has joined. Before that the crowd logs its accounts in with single-use tokens: if the
// database stores a token's use and dies before it answers, that token no longer works.
// Returns over(), which stops the killing and returns [{at_s, at_ms, part}].
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
      if (!Number.isInteger(pid)) continue; // not restarted yet after the last kill
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
