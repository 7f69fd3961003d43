// poll.js: how often a visitor with a given number of people ahead polls: queue-front's core/wait/poll.c, for a measured
// wait whose p90 is 120 % of its median. A test checks the constants against poll.h.

import { RULES } from './figures.js';

export const POLL = { nearMs: 2000, farMs: 30000, jitterPercent: 20 };
const MEAN = 1 - POLL.jitterPercent / 200;

function intervalS(waitS) {
  const halfMs = (Math.floor(waitS) * RULES.pollSurely * 1000) / 2;
  return (Math.min(POLL.farMs, Math.max(POLL.nearMs, halfMs)) * MEAN) / 1000;
}

// Polls per second of `waiting` people when `ratePerS` are called per second. Sums the line in slices of one second, until
// the interval no longer grows.
export function pollsPerS(waiting, ratePerS) {
  const far = (POLL.farMs * MEAN) / 1000;
  const slice = Math.max(1, ratePerS);
  let polls = 0;
  let ahead = 0;
  for (let each = 0; ahead < waiting && each < far; ahead += slice) {
    each = intervalS(ahead / slice);
    polls += Math.min(slice, waiting - ahead) / each;
  }
  return polls + Math.max(0, waiting - ahead) / far;
}
