// Reproducible random numbers: the seed is printed, and FAIRGATE_SEED sets it.

import { randomInt } from 'node:crypto';
import { diceOf } from '../../loadtest/sim/whole/dice.js';

export function seededRng(t = null, seed = Number(process.env.FAIRGATE_SEED) || randomInt(1, 2 ** 31)) {
  const say = `seed ${seed} (FAIRGATE_SEED=${seed} repeats it)`;
  if (t !== null) t.diagnostic(say);
  else console.log(`# ${say}`);

  const unit = diceOf(seed);
  const below = (n) => Math.floor(unit() * n);
  return {
    seed,
    unit, // [0, 1)
    below, // integers in [0, n)
    between: (low, high) => low + below(high - low + 1), // inclusive
    pick: (list) => list[below(list.length)],
    chance: (p) => unit() < p,
    shuffle: (list) => {
      const out = [...list];
      for (let i = out.length - 1; i > 0; i -= 1) {
        const j = below(i + 1);
        [out[i], out[j]] = [out[j], out[i]];
      }
      return out;
    },
  };
}
