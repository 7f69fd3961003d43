// needed.js: the machines for a target. Closed-form sums give a first guess; the simulated opening shows the part that is too
// small, which grows by a twentieth, until all have a place in time.

import { sizeOf } from './closed.js';
import { RULES } from './figures.js';
import { runSale } from './sale.js';

const TRIES = 200;
const PARTS = { edge: 'edges', network: 'edges', connections: 'edges', fronts: 'fronts', streams: 'fronts', Redis: 'shards' };
const larger = (n) => n + 1 + Math.floor(n / 20);

// Puts the computed size into the input: machines, and the rates that are settings.
export function withSize(ask, size) {
  const { pays, edges, fronts, shards } = size;
  const cost = {
    ...ask.cost,
    psp_calls_per_s: Math.max(ask.cost.psp_calls_per_s, size.pspPerS),
    users_queries_per_s: Math.max(ask.cost.users_queries_per_s, size.usersPerS),
  };
  return { ...ask, edges, fronts, shards, pays, cost };
}

export function neededFor(ask, aimS) {
  const size = sizeOf(ask, aimS);
  const inTimeS = Math.max(aimS, ask.withinS) + 0.25; // plus a step or two
  for (let tries = 0; tries < TRIES; tries++) {
    const trial = { ...withSize(ask, size), to: 'place', horizonS: inTimeS + 1 };
    const { placedS, tightS } = runSale(trial);
    if (placedS !== undefined && placedS <= inTimeS) return { size, ask: withSize(ask, size) };
    const [worst] = Object.keys(PARTS).sort((a, b) => tightS[b] - tightS[a]);
    if (tightS[worst] === 0 || (worst === 'Redis' && size.shards === RULES.shardsMax)) break;
    size[PARTS[worst]] = larger(size[PARTS[worst]]);
  }
  return { size, ask: withSize(ask, size), missed: true };
}
