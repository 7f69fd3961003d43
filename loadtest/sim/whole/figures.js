// figures.js: the unit costs from table.js, and the formulas.

import table from './table.js';

// How the services work and what the sums leave room for. `fairgate size` has these in C, by `make scale`.
export const RULES = {
  loopTicksPerS: 10,
  ticksMostPerS: 2500, // beyond 128 loops each asks less often
  ticksWorkPerS: 20, // one call in 50 ms does the work
  cutsPerS: 50,
  readsEveryS: 0.018, // each front, of what was cut
  memoryUsed: 0.7,
  ordersACall: 0.9, // of those called, how many come to an order
  loginsOfQueries: 0.75, // of the user table's pace: the rest is for mails
  shardsMax: 16, // of an event
  moreEdges: 16, // than the work takes, tried to save fronts
  pollSurely: 0.8, // of the median wait passes in nine of ten cases
  room: 1.15, // for what sums do not know: that not all come at the same pace
};

export const BASES = ['measured', 'bound', 'setting', 'assumed'];
export const figures = () => Object.entries(table).map(([name, row]) => ({ name, ...row }));

// By name: { edge_handshake_us: 360, ... }. An unknown name is a mistake of ours.
export function costs(changes = {}) {
  const all = Object.fromEntries(figures().map(({ name, value }) => [name, value]));
  for (const name of Object.keys(changes)) if (!(name in all)) throw new Error(`no figure is called ${name}`);
  return { ...all, ...changes };
}
