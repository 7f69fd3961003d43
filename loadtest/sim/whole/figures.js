// figures.js: the unit costs from table.js, and the formulas.

import table from './table.js';

// Constants of the services, and safety margins. `make scale` writes them in C for `fairgate size`.
export const RULES = {
  loopTicksPerS: 10,
  ticksMostPerS: 2500, // with more than 128 loops each ticks less often
  ticksWorkPerS: 20, // one tick per 50 ms does the work
  cutsPerS: 50,
  readsEveryS: 0.018, // each front reads the cuts
  memoryUsed: 0.7,
  ordersACall: 0.9, // share of called visitors who order
  loginsOfQueries: 0.75, // share of the user table's rate; the rest is for mails
  shardsMax: 16, // per event
  moreEdges: 16, // extra edges tried in order to save fronts
  pollSurely: 0.8, // of the median wait: nine of ten waits are longer
  room: 1.15, // margin, because sums assume an even rate
};

export const BASES = ['measured', 'bound', 'setting', 'assumed'];
export const figures = () => Object.entries(table).map(([name, row]) => ({ name, ...row }));

// Returns the costs by name: { edge_handshake_us: 360, ... }. Throws for an unknown name.
export function costs(changes = {}) {
  const all = Object.fromEntries(figures().map(({ name, value }) => [name, value]));
  for (const name of Object.keys(changes)) if (!(name in all)) throw new Error(`no figure is called ${name}`);
  return { ...all, ...changes };
}
